"""From `[tracing]` to parts that tell of what they do; the only door to this package.

Imports OpenTelemetry when the table is there, and not before.
"""

from contextlib import AsyncExitStack

from adapters.egress import Egress, EgressLimits
from exchange.operation.makers import Makers
from exchange.operation.settings import Settings, SettingsInvalid

REPLY_BYTES_MAX = 64 * 1024  # a collector's yes; or what it did not like, which nobody reads


async def start_tracing(settings: Settings, stack: AsyncExitStack) -> Makers:
    """What to make the bus's parts with; ``stack`` ends what this starts.

    Raises:
        SettingsInvalid: the table is there, and OpenTelemetry isn't installed.
    """
    table = settings.tracing
    if table is None:
        return Makers()
    try:
        from exchange.operation.tracing.export import Spool
        from exchange.operation.tracing.spans import Spans, make_provider
        from exchange.operation.tracing.traced import traced
    except ImportError:
        raise SettingsInvalid(
            ["[tracing] needs OpenTelemetry: install sealway[otel], or take the table away."]
        ) from None
    limits = EgressLimits(timeout_s=table.timeout_s, response_bytes_max=REPLY_BYTES_MAX)
    egress = Egress(settings.egress.hosts, limits, ca_file=settings.egress.ca_file)
    stack.push_async_callback(egress.close)

    async def post(body: bytes) -> int:
        headers = (("Content-Type", "application/x-protobuf"),)
        reply = await egress.request("POST", table.endpoint, headers=headers, body=body)
        return reply.status

    spool = Spool(post, queue_max=table.queue_max, every_s=table.every_s)
    spool.start()
    stack.push_async_callback(spool.stop, table.timeout_s)
    about = {"service.name": "sealway", "service.namespace": settings.bus}
    return traced(Spans(make_provider(about, table.sample_share, spool)))
