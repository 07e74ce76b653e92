"""A URL, taken apart once, and the origin behind it, checked against the list.

Owns URL syntax. Refuses what parsers disagree about: user names, backslashes, control
characters, white space, names outside ASCII, ports out of range, fragments.

Invariant: an ``Origin`` exists only for a host that a rule lists.
"""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from adapters.egress.allow_list import Address, AllowList, HostRule, is_name, parse_address
from adapters.errors import HostNotListed

_URL: Final = re.compile(r"https?://[!-~]{1,8000}\Z")
_FORBIDDEN: Final = re.compile(r"[\\\"<>^`{}|#]")
_TARGET: Final = re.compile(r"/[!-~]*\Z")
_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port that may be called; ``host_header`` is ready for the wire."""

    scheme: str
    host: str
    port: int
    rule: HostRule
    address: Address | None
    host_header: str

    @property
    def base(self) -> str:
        """``scheme://host:port`` without a path."""
        return f"{self.scheme}://{self.host_header}"


def split_url(url: str, allowed: AllowList) -> tuple[Origin, str]:
    """The listed origin of ``url`` and its target (path and query, at least ``/``).

    Raises:
        HostNotListed: a host that is not listed, or a URL that could be read in two ways.
    """
    if _URL.match(url) is None or _FORBIDDEN.search(url):
        raise HostNotListed("Not a plain http or https URL.", url=url)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise HostNotListed("Not a plain http or https URL.", url=url) from error
    if "@" in parts.netloc or port == 0 or parts.netloc.endswith(":"):
        raise HostNotListed("A URL here is http(s)://host[:port]/path.", url=url)
    port = port or _PORTS[parts.scheme]
    address = parse_address(host)
    if address is None and not is_name(host):
        raise HostNotListed("The URL names no host.", url=url)
    if address is not None:
        host = str(address)
    rule = allowed.rule_for(host, port)
    if address is not None and not rule.allows(address):
        raise HostNotListed("The address is of a kind that is never called.", url=url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    shown = _host_header(parts.scheme, host, port)
    return Origin(parts.scheme, host, port, rule, address, shown), target


def _host_header(scheme: str, host: str, port: int) -> str:
    shown = f"[{host}]" if ":" in host else host
    return shown if port == _PORTS[scheme] else f"{shown}:{port}"


def is_target(target: str) -> bool:
    """Whether ``target`` can stand in a request line: origin form, printable ASCII, no space."""
    return _TARGET.match(target) is not None and "#" not in target
