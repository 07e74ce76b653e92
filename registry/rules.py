"""What must hold between the objects of a directory: the referential rules of each noun.

Pure functions over ``Contents``. Each raises ``ChangeInvalid`` when something named is not there
and ``Conflict`` when it contradicts what is.
"""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Final

from registry.certificates import Certificate
from registry.contents import Contents
from registry.errors import ChangeInvalid, Conflict
from registry.grants import Grant
from registry.lifecycle import check_lifecycle
from registry.members import Member
from registry.nouns import FINAL, Noun, State
from registry.objects import DirectoryObject
from registry.policy import POLICY_KEY
from registry.schema_versions import SchemaVersion
from registry.services import Service
from registry.systems import System
from schemas.errors import SchemaError
from schemas.examples import check_examples
from signing.identifiers import fold

SANDBOX: Final = "sandbox"
"""The instance of every sandbox, and of no other bus."""

_ANEW: dict[Noun, str] = {
    Noun.SYSTEM: "under another 'id'",
    Noun.CERTIFICATE: "with another key",
    Noun.SERVICE: "under another 'code'",
    Noun.GRANT: "with an 'id' of its own, of your choice",
}
"""How what has ended for ever is begun again."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When a change is judged, and which algorithms are allowed then."""

    now_ms: int
    algorithms: Collection[str]


def check_rules(
    contents: Contents, one: DirectoryObject, previous: DirectoryObject | None, moment: Moment
) -> None:
    """Refuse an object that may not stand in this directory, or may not follow the previous one.

    Raises:
        ChangeInvalid: it names a member, system, service or schema that is not registered.
        Conflict: it changes what is final, or takes a name or certificate that is another's.
    """
    if previous is not None and _is_over(previous):
        anew = _ANEW.get(one.NOUN, "of another name")
        raise Conflict(f"This {one.NOUN} is {previous.state} for ever. Add a new one {anew}.")
    rule = _RULES.get(one.NOUN)
    if rule is not None:
        rule(contents, one, previous, moment)


def _is_over(one: DirectoryObject) -> bool:
    """Whether nothing may follow; a deleted draft may be registered again."""
    if isinstance(one, SchemaVersion):
        return one.state is State.RETIRED
    return one.state in FINAL


def _member(contents: Contents, one: Member, previous: object, moment: Moment) -> None:
    _check_name(contents, one.id)


def _system(contents: Contents, one: System, previous: object, moment: Moment) -> None:
    if one.member not in contents.members:
        raise ChangeInvalid(f"Member '{one.member}' is not registered. Add it before its systems.")
    _check_name(contents, one.id)


def _check_name(contents: Contents, identifier: str) -> None:
    policy = contents.policies.get(POLICY_KEY)
    if policy is not None and identifier.partition("/")[0] != policy.instance:
        raise ChangeInvalid(f"Identifiers of this bus begin with '{policy.instance}/'.")
    there = contents.folded.get(fold(identifier), identifier)
    if there != identifier:
        raise Conflict(f"'{there}' is registered and differs only in case. Choose another name.")


def _certificate(contents: Contents, one: Certificate, previous: object, moment: Moment) -> None:
    if previous is None and one.key in contents.bus_keys:
        raise Conflict("This is a certificate of the bus itself.")
    system = _registered_system(contents, one.system, "certificates")
    if previous is None:
        _check_marked(contents, one)
    if one.state is not State.ACTIVE or previous is not None:
        return
    _refuse_withdrawn(system, "certificate")
    if one.parsed.alg not in moment.algorithms:
        allowed = " or ".join(moment.algorithms)
        raise ChangeInvalid(f"The certificate's key must be for {allowed}: policy allows no other.")
    if one.parsed.not_after_ms <= moment.now_ms:
        raise ChangeInvalid("The certificate has expired. Renew it and send the new one.")


def _check_marked(contents: Contents, one: Certificate) -> None:
    """A key made for a sandbox is good for nothing elsewhere, nor another bus's in a sandbox."""
    policy, made_for = contents.policies.get(POLICY_KEY), _MADE_FOR.search(one.parsed.subject)
    if policy is None or made_for is None or made_for[1] == policy.instance:
        return
    if SANDBOX in (made_for[1], policy.instance):
        raise ChangeInvalid(
            f"The certificate names a system of '{made_for[1]}', and this bus is"
            f" '{policy.instance}': keys of a sandbox stay in it. Make a new key."
        )


_MADE_FOR: Final = re.compile(r"(?:^|,)CN=([^/,]+)/[^/,]+/[^/,]+/")
"""The instance in a certificate's subject, where that names a system."""


def _schema(
    contents: Contents, one: SchemaVersion, previous: SchemaVersion | None, moment: Moment
) -> None:
    check_lifecycle(contents, one, previous)
    same = previous is not None and (previous.examples, previous.counter_examples) == (
        one.examples,
        one.counter_examples,
    )
    if same:
        return
    references = contents.references(one)
    try:
        check_examples(one.format, one.text, one.examples, one.counter_examples, references)
    except SchemaError as error:
        raise ChangeInvalid(f"Schema '{one.subject[:100]}': {error.detail}") from error


def _service(contents: Contents, one: Service, previous: Service | None, moment: Moment) -> None:
    system = _registered_system(contents, one.system, "services")
    for name in ("request_schema", "response_schema"):
        schema = contents.schemas.get(getattr(one, name))
        if schema is None:
            raise ChangeInvalid(f"The service's '{name}' is not registered. Add the schema first.")
        bound = previous is not None and getattr(previous, name) == schema.fingerprint
        over = schema.state is not State.DEPRECATED and one.state is not State.WITHDRAWN
        if schema.state is not State.ACTIVE and (over or not bound):
            raise ChangeInvalid(
                f"The service's '{name}' is '{schema.subject}', version {schema.version}, which is "
                f"{schema.state}. Name one that is active."
            )
    if previous is None and one.state is not State.WITHDRAWN:
        _refuse_withdrawn(system, "service")


def _grant(contents: Contents, one: Grant, previous: object, moment: Moment) -> None:
    consumer = _registered_system(contents, one.consumer, "grants")
    service = contents.services.get(f"{one.system}/{one.service}")
    if service is None:
        raise ChangeInvalid(
            f"Service '{one.system}/{one.service}' is not registered. Add it first."
        )
    if previous is None and one.state is State.ACTIVE:
        _refuse_withdrawn(consumer, "grant")
        _refuse_withdrawn(service, "grant")


def _registered_system(contents: Contents, system_id: str, what: str) -> System:
    found = contents.systems.get(system_id)
    if found is None:
        raise ChangeInvalid(f"System '{system_id}' is not registered. Add it before its {what}.")
    return found


def _refuse_withdrawn(one: System | Service, what: str) -> None:
    if one.state is State.WITHDRAWN:
        raise Conflict(f"The {one.NOUN} '{one.key}' is withdrawn; it takes no new {what}.")


_RULES: dict[Noun, Callable[[Contents, Any, Any, Moment], None]] = {
    Noun.MEMBER: _member,
    Noun.SYSTEM: _system,
    Noun.CERTIFICATE: _certificate,
    Noun.SCHEMA: _schema,
    Noun.SERVICE: _service,
    Noun.GRANT: _grant,
}
