"""Which hosts may be called, and which addresses may stand behind them.

Owns the rule's text form and the address check. Refuses to resolve anything.

A rule is ``host:port``, optionally followed by the word ``private``:

    api.example.org:443             the name, when it resolves to public addresses
    *.example.org:443               any name below it, not the name itself
    civil.internal:8080 private     the name, when it resolves to public, private or loopback ones
    localhost:9000                  the loopback addresses
    10.1.2.3:9000   [::1]:9000      exactly this address, whatever its class
    api.example.org:*               any port

Invariant: an empty list allows nothing. Link-local addresses (where clouds keep their metadata),
multicast and unspecified ones never stand behind a name.
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final, TypeAlias

from adapters.errors import AdapterSettingsInvalid, HostNotListed

Address: TypeAlias = IPv4Address | IPv6Address
_Blocks: TypeAlias = tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]

_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME: Final = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*\Z")
_RULE: Final = re.compile(
    r"(?P<host>\[[^\]\s]+\]|[^\s:\[\]]+):(?P<port>\*|[0-9]{1,5})(?P<private> private)?\Z"
)
# RFC 1918, the shared space of RFC 6598 (clusters use it), unique local IPv6.
_PRIVATE: Final = tuple(
    ipaddress.ip_network(block)
    for block in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
)
# IPv6 that carries an IPv4 address within: NAT64, 6to4, Teredo, IPv4-compatible.
_TUNNELS: Final = tuple(
    ipaddress.ip_network(block) for block in ("64:ff9b::/32", "2002::/16", "2001::/32", "::/96")
)


def parse_address(host: str) -> Address | None:
    """The address that ``host`` spells (without brackets), or None when it is a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def is_name(host: str) -> bool:
    """Whether ``host`` is a lower-case DNS name that no parser could take for an address."""
    last = host.rpartition(".")[2]
    return _NAME.match(host) is not None and not last.isdigit() and not last.startswith("0x")


@dataclass(frozen=True, slots=True)
class HostRule:
    """One listed host. ``port`` is None for any; ``below`` when only names below it match."""

    host: str
    port: int | None
    below: bool = False
    private: bool = False

    @classmethod
    def parse(cls, text: str) -> "HostRule":
        """Read a rule's text form.

        Raises:
            AdapterSettingsInvalid: not ``host:port`` or ``host:port private``.
        """
        found = _RULE.match(text)
        if found is None:
            raise AdapterSettingsInvalid(f"Not a host rule: {text!r}; write host:port.")
        host, below = found["host"].strip("[]").lower(), False
        if host.startswith("*."):
            host, below = host[2:], True
        address = None if below else parse_address(host)
        if address is None and not is_name(host):
            raise AdapterSettingsInvalid(f"Not a host rule: {text!r} names no host.")
        if below and "." not in host:
            raise AdapterSettingsInvalid(f"The rule {text!r} would allow a whole top-level domain.")
        port = None if found["port"] == "*" else int(found["port"])
        if port is not None and not 1 <= port <= 65_535:
            raise AdapterSettingsInvalid(f"Not a host rule: {text!r} has no such port.")
        host = host if address is None else str(address)
        return cls(host, port, below, found["private"] is not None)

    def is_for(self, host: str, port: int) -> bool:
        """Whether this rule lists ``host`` (a lower-case name or a canonical address)."""
        if self.port is not None and self.port != port:
            return False
        return host.endswith("." + self.host) if self.below else host == self.host

    def allows(self, address: Address) -> bool:
        """Whether a host listed by this rule may be at ``address``."""
        actual = _unmapped(address)
        if actual.is_multicast or actual.is_unspecified:
            return False
        if parse_address(self.host) == address:
            return True
        if self.host == "localhost" or self.host.endswith(".localhost"):
            return actual.is_loopback
        if actual.is_loopback:
            return self.private
        if actual.is_link_local or _is_in(actual, _TUNNELS):
            return False
        return actual.is_global or (self.private and _is_in(actual, _PRIVATE))


def _unmapped(address: Address) -> Address:
    """The address packets go to: ``::ffff:127.0.0.1`` is 127.0.0.1."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return address if mapped is None else mapped


def _is_in(address: Address, blocks: _Blocks) -> bool:
    return any(address.version == block.version and address in block for block in blocks)


class AllowList:
    """The hosts that the operator listed; empty means none."""

    __slots__ = ("_rules",)

    def __init__(self, hosts: Iterable[str | HostRule]) -> None:
        self._rules = tuple(HostRule.parse(h) if isinstance(h, str) else h for h in hosts)

    def rule_for(self, host: str, port: int) -> HostRule:
        """The first rule that lists this host and port.

        Raises:
            HostNotListed: there is none.
        """
        for rule in self._rules:
            if rule.is_for(host, port):
                return rule
        raise HostNotListed(
            "The operator's list of hosts does not have this provider's host.", host=host, port=port
        )
