"""The numbers that bound one call to somebody else's server."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EgressLimits:
    """Limits of every call; a caller may ask for less time or fewer bytes, never for more.

    timeout_s: a whole call, waiting for a connection included; the default of a service.
    connect_timeout_s: one address; a host that drops packets must not eat the whole time limit.
    response_bytes_max: what a part may have in JSON, so nothing larger can be used anyway.
    header_bytes_max: names and values of one response; servers and proxies stop at 8 to 32 KiB.
    connections_per_host_max: more than a department's service serves at once by default (16),
        with room for several services on one host.
    keepalive_s: shorter than the 5 s after which common servers close an idle connection.
    resolve_ttl_s: how long a checked address is used; DNS changes are seen after this.
    """

    timeout_s: float = 60.0
    connect_timeout_s: float = 5.0
    response_bytes_max: int = 10 * 1024 * 1024
    header_bytes_max: int = 32 * 1024
    connections_per_host_max: int = 64
    keepalive_s: float = 4.0
    resolve_ttl_s: float = 30.0
