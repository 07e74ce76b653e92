"""The only thing that fetches a URL.

Owns the operator's list of hosts, the check of resolved addresses, the limits, and two ways of
speaking HTTP/1.1: a lean one for plain ``http`` and aiohttp for ``https``. Refuses redirects,
proxies from the environment, cookies, compressed bodies, and every host that is not listed.

Invariant: a connection goes to an address that was checked against the rule that listed its
host; the name is not resolved a second time between check and connection.
"""

from adapters.egress.allow_list import AllowList, HostRule
from adapters.egress.client import Egress
from adapters.egress.limits import EgressLimits
from adapters.egress.origin import Origin
from adapters.egress.response import EgressResponse

__all__ = ["AllowList", "Egress", "EgressLimits", "EgressResponse", "HostRule", "Origin"]
