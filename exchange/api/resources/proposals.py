"""The bodies of calls about schemas, and what they come to."""

from typing import Any, Final

from pydantic import Field

from exchange.acceptance.registration import Proposal
from exchange.api.bodies import Body
from exchange.api.errors import RequestInvalid
from registry.subjects import Rules
from schemas.compatibility.levels import Level, Policy

LISTED_MAX: Final = 1_000  # far above the registry's own limits, whose sentences say more


class ReferenceBody(Body):
    """A registered schema that the text refers to, by subject and version or by fingerprint."""

    name: str
    subject: str | None = None
    version: int | None = None
    fingerprint: str | None = None


class ProposalBody(Body):
    """A schema as somebody hands it in."""

    subject: str
    text: str
    format: str = "json-schema"
    references: list[ReferenceBody] = Field(default_factory=list, max_length=LISTED_MAX)
    examples: list[str] = Field(default_factory=list, max_length=LISTED_MAX)
    counter_examples: list[str] = Field(default_factory=list, max_length=LISTED_MAX)


class CheckBody(ProposalBody):
    """… to be checked: under the subject's rules or others, against all in force or some."""

    level: str | None = None
    policy: str | None = None
    against: list[int] | None = Field(default=None, max_length=LISTED_MAX)


def proposal_of(body: ProposalBody) -> Proposal:
    """The proposal that a body makes."""
    return Proposal(
        body.subject,
        body.text,
        body.format,
        [one.model_dump(exclude_none=True) for one in body.references],
        body.examples,
        body.counter_examples,
    )


def rules_of(body: CheckBody, own: Rules) -> Rules:
    """The rules asked for; what isn't said is the subject's own. Raises RequestInvalid."""
    level: Any = _one_of(Level, body.level, "level")
    policy: Any = _one_of(Policy, body.policy, "policy")
    return Rules(level or own.level, policy or own.policy)


def _one_of(offered: type[Level] | type[Policy], value: str | None, name: str) -> Any:
    if value is None:
        return None
    if value not in set(offered):
        text = f"'{name}' must be one of {', '.join(offered)}."
        raise RequestInvalid(text, [(f"/{name}", text)])
    return offered(value)
