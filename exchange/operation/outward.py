"""What this process calls outside: adapters and push endpoints, over one egress client.

Owns making them from the settings, and their end. Everything that can be wrong in the settings is
found here, at the start: an address that isn't listed is never called, not even tried.
"""

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from adapters.base import Adapter
from adapters.egress import Egress, EgressLimits
from adapters.egress.client import is_header
from adapters.errors import AdapterSettingsInvalid, HostNotListed
from adapters.settings import read_secret
from exchange.delivery.pushing import PushEndpoint
from exchange.operation.settings import Settings
from exchange.operation.settings.model import Push
from signing.identifiers import SystemId


@dataclass(frozen=True, slots=True)
class Outward:
    """Adapters and push endpoints by name; no egress where there are none."""

    egress: Egress | None = None
    adapters: dict[str, Adapter] = field(default_factory=dict)
    endpoints: dict[str, PushEndpoint] = field(default_factory=dict)


async def start_outward(
    settings: Settings, stack: AsyncExitStack, load: Callable[[str], type[Adapter]]
) -> Outward:
    """Start every adapter and check every endpoint; ``load`` finds an adapter by its kind.

    Raises:
        AdapterSettingsInvalid: a table that can't be used.
    """
    if not settings.adapters and not settings.push:
        return Outward()
    limits = EgressLimits(response_bytes_max=settings.limits.body_bytes_max)
    egress = Egress(settings.egress.hosts, limits, ca_file=settings.egress.ca_file)
    stack.push_async_callback(egress.close)
    outward = Outward(egress)
    for name, one in settings.push.items():
        outward.endpoints[name] = _endpoint(name, one, egress, settings)
    for name, table in settings.adapters.items():
        kind = table.get("kind")
        if not isinstance(kind, str):
            raise AdapterSettingsInvalid(f"[adapters.{name}] needs a kind, like sql or rest.")
        adapter = load(kind).from_settings(name, table, egress, folder=settings.folder)
        await adapter.start()
        stack.push_async_callback(adapter.close)
        outward.adapters[name] = adapter
    return outward


def _endpoint(name: str, push: Push, egress: Egress, settings: Settings) -> PushEndpoint:
    try:
        origin, target = egress.split(push.url)
    except HostNotListed as error:
        raise AdapterSettingsInvalid(
            f"[push.{name}] url: {error.detail} Add host:port to [egress] hosts."
        ) from error
    headers = []
    for header, file in push.secret_headers.items():
        value = read_secret(file, settings.folder).get_secret_value()
        if not is_header(header, value):
            raise AdapterSettingsInvalid(f"[push.{name}] secret_headers: {header!r} is no header.")
        headers.append((header, value))
    return PushEndpoint(SystemId(push.system), origin, target, tuple(headers))
