"""Which cluster, how it is entered, and the numbers that readers and publishers keep to."""

from dataclasses import dataclass, field
from ssl import SSLContext
from typing import Any, Final

from exchange.bus.port import Topic

PREFIX: Final = "sealway"


@dataclass(frozen=True, slots=True)
class Brokers:
    """A cluster; from the settings.

    ``prefix`` begins each topic's name, so that two buses (or two tests) can share a cluster.
    """

    bootstrap: str
    """``host:port``, several with commas; any broker tells of the others."""
    prefix: str = PREFIX
    client: str = PREFIX
    """What the brokers' logs and quotas call this process."""
    tls: SSLContext | None = None
    sasl_mechanism: str | None = None
    sasl_username: str | None = None
    sasl_password: str | None = field(default=None, repr=False)

    def topic(self, topic: Topic) -> str:
        """A topic's name on this cluster."""
        return self.named(topic.value)

    def named(self, name: str) -> str:
        """A name ``sealway.…`` on this cluster."""
        return self.prefix + name.removeprefix(PREFIX)

    def options(self, request_s: float) -> dict[str, Any]:
        """What every client of aiokafka is made with."""
        protocol = ("SASL_" if self.sasl_mechanism else "") + ("SSL" if self.tls else "PLAINTEXT")
        options: dict[str, Any] = {
            "bootstrap_servers": self.bootstrap,
            "client_id": self.client,
            "request_timeout_ms": int(request_s * 1_000),
            "security_protocol": "PLAINTEXT" if protocol == "PLAINTEXT" else protocol,
            "ssl_context": self.tls,
        }
        if self.sasl_mechanism:
            options["sasl_mechanism"] = self.sasl_mechanism
            options["sasl_plain_username"] = self.sasl_username
            options["sasl_plain_password"] = self.sasl_password
        return options


@dataclass(frozen=True, slots=True)
class KafkaLimits:
    """The numbers, each with its reason; seconds, bytes, records."""

    record_bytes_max: int = 262_144
    """Above it a record travels without payload; four fit into a broker's 1 MiB batch."""
    signal_bytes_max: int = 16_384
    """The same for wake-ups: every gateway reads every one of them."""
    batch_bytes: int = 524_288
    """A batch to a partition; half of what a broker takes by default."""
    open_records_max: int = 8_192
    """Handed to a reader and not released: then reading waits, and the cluster keeps the rest."""
    open_bytes_max: int = 67_108_864
    """The same in bytes of payload: as much as acceptance itself may queue."""
    fetch_records: int = 64
    """Decoded in one go: about 5 ms of the event loop."""
    fetch_wait_s: float = 0.05
    """After so long a broker says that nothing came; what comes is answered at once.

    A partition whose reader stalled for 200 ms waits for this too; shorter, and asking costs more
    than reading (docs/adr/0010).
    """
    acknowledge_s: float = 5.0
    """Then a batch is lost, as far as the publisher knows."""
    join_s: float = 15.0
    """How long `subscribe` waits for its share of the topic; then it goes on trying behind it."""
    session_s: float = 10.0
    """A reader that says nothing for so long loses its partitions."""
    heartbeat_s: float = 1.0
    """How soon a reader learns that others came or went."""
    commit_every_s: float = 0.2
    retry_s: float = 1.0
    """Between two attempts to reach a cluster that is away."""
    metadata_age_s: float = 10.0
    """How soon a topic that was deleted and made again is found."""
