"""Who may make which call: the one table, deny by default.

Owns the rule of every route; a route without one can't be started. What of a resource a role sees
stands beside the role in words, and each resource carries it out. Who may change which object is
for `exchange.api.mandate`.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """What a caller is. The founder is an operator, and an integrator of every member."""

    OPERATOR = "operator"
    INTEGRATOR = "integrator"
    AUDITOR = "auditor"
    SYSTEM = "system"
    FOUNDER = "founder"


PERSONS: Final = (Role.OPERATOR, Role.INTEGRATOR, Role.AUDITOR)
"""The roles that people's tokens have."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Which roles may make a call, each with what it gets; ``public``: everybody, unknown too.

    ``is_hidden``: for everybody else the address isn't there.
    """

    roles: Mapping[Role, str] = field(default_factory=dict)
    public: str = ""
    is_hidden: bool = False

    def allows(self, role: Role) -> bool:
        """Whether this role may make the call at all."""
        if role is Role.FOUNDER:
            return Role.OPERATOR in self.roles or Role.INTEGRATOR in self.roles
        return role in self.roles

    @property
    def is_public(self) -> bool:
        """Whether no token is asked for here; a hidden call asks for it itself."""
        return bool(self.public)

    @property
    def says(self) -> str:
        """The rule in words, for pages."""
        if self.public:
            return self.public
        told = [
            f"{_ARTICLES[role]} {role.value}" + (f" ({scope})" if scope else "")
            for role, scope in self.roles.items()
        ]
        return ", ".join(told)


_ARTICLES: Final = {
    Role.OPERATOR: "an",
    Role.INTEGRATOR: "an",
    Role.AUDITOR: "an",
    Role.SYSTEM: "a",
}


def _may(
    *,
    operator: str | None = None,
    integrator: str | None = None,
    auditor: str | None = None,
    system: str | None = None,
    is_hidden: bool = False,
) -> Rule:
    given = zip((*PERSONS, Role.SYSTEM), (operator, integrator, auditor, system), strict=True)
    return Rule({role: scope for role, scope in given if scope is not None}, is_hidden=is_hidden)


_EVERYBODY: Final = Rule(public="everybody")
_SEEN: Final = _may(operator="all", integrator="own, and what is listed", auditor="all", system="")
_TIMELINE: Final = _may(
    operator="metadata", integrator="own member's", auditor="all", system="as a party"
)
_CONTENT: Final = _may(auditor="each read is a leaf", system="as a party")
_DEAD: Final = _may(
    operator="all, metadata", integrator="own systems'", auditor="all", system="own"
)
_SETTLE: Final = _may(operator="all", integrator="own systems'")
_OPERATOR: Final = _may(operator="")
_OWN: Final = _may(integrator="own member's")
_OWN_SERVICES: Final = _may(integrator="on own services")
_ASKS: Final = _may(operator="all", integrator="own member's", auditor="all")
_SYSTEM: Final = _may(system="")

RULES: Final[Mapping[tuple[str, str], Rule]] = {
    ("POST", "/v1/messages"): Rule(public="whoever signed it; the envelope is the authentication"),
    ("GET", "/v1/messages/{id}"): _TIMELINE,
    ("GET", "/v1/messages/{id}/receipt"): _TIMELINE,
    ("GET", "/v1/messages/{id}/refusals"): _may(
        operator="metadata", integrator="own systems'", auditor="metadata", system="own"
    ),
    ("GET", "/v1/messages/{id}/answer"): _CONTENT,
    ("GET", "/v1/messages/{id}/delivery"): _CONTENT,
    ("GET", "/v1/messages/{id}/parts/{name}"): _CONTENT,
    ("GET", "/v1/mailbox"): _SYSTEM,
    ("POST", "/v1/mailbox/lease"): _SYSTEM,
    ("POST", "/v1/mailbox/confirm"): _SYSTEM,
    ("POST", "/v1/mailbox/extend"): _SYSTEM,
    ("POST", "/v1/mailbox/release"): _SYSTEM,
    ("GET", "/v1/dead"): _DEAD,
    ("GET", "/v1/dead/{id}"): _DEAD,
    ("POST", "/v1/dead/{id}/redrive"): _SETTLE,
    ("POST", "/v1/dead/{id}/drop"): _SETTLE,
    ("POST", "/v1/changes"): _may(
        operator="members, systems, certificates", integrator="own member's, but the member"
    ),
    ("GET", "/v1/members"): _SEEN,
    ("POST", "/v1/members"): _OPERATOR,
    ("GET", "/v1/members/{key:path}"): _SEEN,
    ("PUT", "/v1/members/{key:path}"): _OPERATOR,
    ("GET", "/v1/systems"): _SEEN,
    ("POST", "/v1/systems"): _may(operator="", integrator="own member's"),
    ("GET", "/v1/systems/{key:path}"): _SEEN,
    ("PUT", "/v1/systems/{key:path}"): _may(operator="", integrator="own member's"),
    ("GET", "/v1/certificates"): _SEEN,
    ("POST", "/v1/certificates"): _may(
        operator="",
        integrator="own member's, with proof of possession",
        system="its own next one, with proof of possession",
    ),
    ("GET", "/v1/certificates/{key}"): _may(operator="", integrator="", auditor="", system=""),
    ("PUT", "/v1/certificates/{key:path}"): _may(operator="", integrator="own member's"),
    ("GET", "/v1/schemas"): _SEEN,
    ("POST", "/v1/schemas"): _OWN,
    ("POST", "/v1/schemas/check"): _may(operator="", integrator="own member's", auditor=""),
    ("GET", "/v1/schemas/{fingerprint}/example"): _SEEN,
    ("GET", "/v1/schemas/{key}/touched"): _may(operator="", integrator="own member's", auditor=""),
    ("GET", "/v1/schemas/{key}"): _SEEN,
    ("PUT", "/v1/schemas/{key}"): _OWN,
    ("DELETE", "/v1/schemas/{key}"): _OWN,
    ("GET", "/v1/subjects"): _SEEN,
    ("POST", "/v1/subjects"): _OWN,
    ("GET", "/v1/subjects/{key:path}"): _SEEN,
    ("PUT", "/v1/subjects/{key:path}"): _OWN,
    ("GET", "/v1/services"): _SEEN,
    ("POST", "/v1/services"): _OWN,
    ("GET", "/v1/services/{key:path}"): _SEEN,
    ("PUT", "/v1/services/{key:path}"): _OWN,
    ("GET", "/v1/grants"): _SEEN,
    ("POST", "/v1/grants"): _OWN_SERVICES,
    ("GET", "/v1/grants/{key:path}"): _SEEN,
    ("PUT", "/v1/grants/{key:path}"): _OWN_SERVICES,
    ("GET", "/v1/asks"): _ASKS,
    ("POST", "/v1/asks"): _may(integrator="for own systems"),
    ("GET", "/v1/asks/{id}"): _ASKS,
    ("POST", "/v1/asks/{id}/give"): _OWN_SERVICES,
    ("POST", "/v1/asks/{id}/refuse"): _OWN_SERVICES,
    ("POST", "/v1/asks/{id}/withdraw"): _may(integrator="for own systems"),
    ("GET", "/v1/persons"): _OPERATOR,
    ("POST", "/v1/persons"): _OPERATOR,
    ("GET", "/v1/persons/{id}"): _OPERATOR,
    ("POST", "/v1/persons/{id}/revoke"): _OPERATOR,
    ("POST", "/v1/exports"): _may(auditor="each is a leaf"),
    ("POST", "/v1/exports/preview"): _may(auditor=""),
    ("GET", "/v1/reads"): _may(auditor=""),
    ("GET", "/v1/logs/{n}"): _EVERYBODY,
    ("GET", "/log/{n}/checkpoint"): _EVERYBODY,
    ("GET", "/log/{n}/cosigned"): _EVERYBODY,
    ("GET", "/log/{n}/cosignatures"): _EVERYBODY,
    ("POST", "/log/{n}/cosignatures"): _EVERYBODY,
    ("GET", "/log/{n}/policy"): _EVERYBODY,
    ("GET", "/log/{n}/tile/entries/{number:path}"): _may(auditor="", is_hidden=True),
    ("GET", "/log/{n}/tile/{level}/{number:path}"): _EVERYBODY,
    ("GET", "/.well-known/sealway"): _EVERYBODY,
    ("GET", "/livez"): _EVERYBODY,
    ("GET", "/readyz"): _EVERYBODY,
    ("GET", "/"): _EVERYBODY,
    ("GET", "/docs"): _EVERYBODY,
    ("GET", "/problems"): _EVERYBODY,
    ("GET", "/problems/{code}"): _EVERYBODY,
    ("GET", "/openapi.json"): _EVERYBODY,
}
"""Every call of the API. More special addresses stand before those that would match them too."""

SANDBOX_RULES: Final[Mapping[tuple[str, str], Rule]] = {
    ("POST", "/v1/sandbox/members"): Rule(public="everybody, in a sandbox"),
    ("POST", "/v1/sandbox/services"): _SYSTEM,
    ("POST", "/v1/sandbox/grants"): _SYSTEM,
}
"""What a sandbox has besides; on any other bus these addresses are not there."""


def _pattern(template: str) -> re.Pattern[str]:
    text = re.sub(r"\{\w+:path\}", "\0", template)
    text = re.sub(r"\{\w+\}", "\1", text)
    return re.compile(re.escape(text).replace("\0", ".*").replace("\1", "[^/]*"), re.DOTALL)


_PATHS: Final = tuple((_pattern(template), rule) for (_, template), rule in RULES.items())


_LOGS: Final = "/log/"
"""Below it everybody may ask, and is told what isn't there (C2SP tlog-tiles)."""


def rule_of_address(path: str, *, in_sandbox: bool = False) -> Rule | None:
    """The rule of the first call at this address, whatever its method; None: there is none."""
    if in_sandbox and (found := SANDBOX_RULES.get(("POST", path))) is not None:
        return found
    for pattern, rule in _PATHS:
        if pattern.fullmatch(path):
            return rule
    return _EVERYBODY if path.startswith(_LOGS) else None


def rule_of(method: str, template: str) -> Rule:
    """The rule of a call. Raises RouteWithoutRule."""
    call = ("GET" if method == "HEAD" else method, template)
    rule = RULES.get(call) or SANDBOX_RULES.get(call)
    if rule is None:
        raise RouteWithoutRule(f"{method} {template}")
    return rule


def rule_as_written(method: str, address: str) -> Rule:
    """The rule of a call as pages write it, without ``:path``. Raises RouteWithoutRule."""
    for (other, template), rule in (*RULES.items(), *SANDBOX_RULES.items()):
        if (other, template.replace(":path", "")) == (method, address):
            return rule
    raise RouteWithoutRule(f"{method} {address}")


def check_all(calls: Iterable[tuple[str, str]]) -> None:
    """Every call has its rule. Raises RouteWithoutRule: such an application must not start."""
    for method, template in calls:
        rule_of(method, template)


class RouteWithoutRule(Exception):
    """A mistake of ours: a call that the table does not name."""
