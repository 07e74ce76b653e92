"""Where spans go: `[tracing]`. Off without the table; then nothing of it is even loaded."""

from pydantic import Field

from exchange.operation.settings.anchors import AskedUrl
from exchange.operation.settings.limits import Table


class Tracing(Table):
    """`[tracing]`: spans for an OpenTelemetry collector; needs `sealway[otel]`, off without it."""

    endpoint: AskedUrl = Field(
        description="where spans are posted (OTLP over HTTP), such as "
        "http://127.0.0.1:4318/v1/traces; the host must be in egress.hosts, of gateways too"
    )
    sample_share: float = Field(
        default=0.01,
        ge=0,
        le=1,
        description="share of the traces that is told, chosen by the trace's id, so that all "
        "processes choose the same; a hundredth shows where time goes and costs next to nothing",
    )
    queue_max: int = Field(
        default=4_096,
        ge=1,
        le=100_000,
        description="ended spans held in memory, some 2 KiB each; what comes beyond is lost, "
        "because a collector that is away must hold up no message",
    )
    every_s: float = Field(
        default=5, ge=0.1, le=300, description="seconds between two batches; a crash loses so much"
    )
    timeout_s: float = Field(
        default=5,
        gt=0,
        le=30,
        description="seconds for one batch, and at a stop for all that is left; orchestrators "
        "kill at 30",
    )
