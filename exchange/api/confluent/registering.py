"""Confluent's changes of schemas: register, look up, compare, delete softly.

What is registered here is a draft, which no service can use until it is activated; in a sandbox it
is active at once. The rules are those of every other door: ``exchange.acceptance.registration``.
"""

from typing import Any, Final

from exchange.acceptance.registration import Proposal
from exchange.api.confluent.asked import Asked, is_deleted
from exchange.api.confluent.errors import (
    INVALID_SCHEMA,
    NO_SCHEMA,
    NOT_PERMITTED,
    Told,
    messages_of,
)
from exchange.api.confluent.wording import (
    DEFAULT_TYPE,
    FORMAT_OF,
    confluent_reply,
    version_members,
)
from exchange.api.mandate import Mandate
from exchange.api.replies import Reply
from exchange.api.resources.objects import change_as
from registry.changes import Change
from registry.completion import complete
from registry.errors import Conflict
from registry.nouns import Noun, State
from registry.schema_versions import SchemaVersion
from schemas.compatibility.verdicts import Answer

SANDBOX: Final = "sandbox"
_NEWEST: Final = (None, -1)


async def register(asked: Asked) -> Reply:
    """The id of the schema, registered by this call or before.

    Raises:
        Told: not a body that is taken here. RoleMissing: not this caller's to do.
        RegistryError: not admitted, or it would break a reader.
    """
    is_sandbox = asked.api.instance == SANDBOX
    state = State.ACTIVE if is_sandbox else State.DRAFT
    proposal = _proposal(asked.subject(), await asked.body(), state)
    mandate = Mandate(asked.caller)
    mandate.check_asked(asked.directory, _change(proposal))
    schema = _there(asked, proposal)
    if schema is None or is_deleted(schema):
        register_as = asked.api.registration.register
        schema = (await register_as(proposal, asked.caller.actor, mandate.check_fact)).schema
    headers = [(b"sealway-state", schema.state.value.encode("ascii"))]
    return confluent_reply({"id": schema.id}, headers=headers)


async def look_up(asked: Asked) -> Reply:
    """Where this schema is registered under the subject: the text itself, or its canonical form."""
    with_deleted = asked.flag("deleted")
    asked.versions(with_deleted=with_deleted)
    proposal = _proposal(asked.subject(), await asked.body())
    if not all(asked.sees(str(one["subject"])) for one in proposal.references):
        raise Told(NO_SCHEMA, "Schema not found.")
    try:
        schema = _there(asked, proposal)
    except Conflict:
        schema = None
    if schema is None or (is_deleted(schema) and not with_deleted) or schema not in asked.seen():
        raise Told(NO_SCHEMA, "Schema not found.")
    return confluent_reply(version_members(asked.directory, schema))


async def compare(asked: Asked) -> Reply:
    """Whether a schema may follow one version, or all that the subject's level names.

    Never true where nothing was compared: a version that is not in force is told as such. For
    whoever may register: the sentences quote every version that is compared with.
    """
    proposal = _proposal(asked.subject(), await asked.body())
    Mandate(asked.caller).check_asked(asked.directory, _change(proposal))
    versions: list[int] | None = None
    if len(asked.parts) == 2:
        version = asked.version()
        if not version.is_in_force:
            said = f"Version {version.version} is {version.state}: nothing is compared with it."
            return _compared(asked, is_compatible=False, messages=[said])
        versions = [version.version]
    checked = await asked.api.registration.check(proposal, against=versions)
    report = checked.report
    if report is None:
        return _compared(asked, is_compatible=True, messages=[])
    messages = messages_of(report.to_object())
    return _compared(asked, is_compatible=report.answer is Answer.YES, messages=messages)


async def delete_version(asked: Asked) -> Reply:
    """Retire a version, or withdraw it if it is a draft; its id stays readable."""
    _refuse_permanent(asked)
    found = asked.version()
    await _end(asked, [found])
    return confluent_reply(found.version)


async def delete_subject(asked: Asked) -> Reply:
    """The same for all versions of a subject, in one set: all or none."""
    _refuse_permanent(asked)
    found = asked.versions()
    await _end(asked, found)
    return confluent_reply([one.version for one in found])


def _compared(asked: Asked, *, is_compatible: bool, messages: list[str]) -> Reply:
    document: dict[str, Any] = {"is_compatible": is_compatible}
    if asked.flag("verbose"):
        document["messages"] = messages
    return confluent_reply(document)


async def _end(asked: Asked, versions: list[SchemaVersion]) -> None:
    changes = [
        Change(Noun.SCHEMA, {"state": _end_of(one).value}, one.fingerprint)
        for one in reversed(versions)
    ]
    await change_as(asked.api, asked.caller, changes, [None] * len(changes))


def _end_of(schema: SchemaVersion) -> State:
    return State.WITHDRAWN if schema.state is State.DRAFT else State.RETIRED


def _refuse_permanent(asked: Asked) -> None:
    if asked.flag("permanent"):
        raise Told(
            NOT_PERMITTED,
            "Nothing is deleted for ever here: what was written under an id stays readable.",
        )


def _change(proposal: Proposal) -> Change:
    return Change(Noun.SCHEMA, proposal.members())


def _there(asked: Asked, proposal: Proposal) -> SchemaVersion | None:
    """What is registered of a schema under the proposal's subject, whatever its state.

    Raises:
        ChangeInvalid: it would not be admitted. Conflict: it is another subject's.
    """
    members = {name: one for name, one in proposal.members().items() if name != "state"}
    contents = asked.directory.contents()
    _, found = complete(contents, Noun.SCHEMA, None, members, asked.api.clock())
    return found if isinstance(found, SchemaVersion) else None


def _proposal(subject: str, body: dict[str, Any], state: State | None = None) -> Proposal:
    text, kind = body.get("schema"), body.get("schemaType") or DEFAULT_TYPE
    if type(text) is not str:
        raise Told(INVALID_SCHEMA, "The body must have 'schema', a text.")
    if kind not in FORMAT_OF:
        raise Told(INVALID_SCHEMA, f"Unknown schema type; known are {', '.join(FORMAT_OF)}.")
    for name in ("metadata", "ruleSet"):
        if body.get(name):
            raise Told(NOT_PERMITTED, f"'{name}' is not offered here, and is not dropped silently.")
    if body.get("id") not in (None, 0, -1):
        raise Told(NOT_PERMITTED, "Ids are given by the registry; there is no import mode.")
    return Proposal(
        subject,
        text,
        FORMAT_OF[kind],
        references=_references(body.get("references") or []),
        state=None if state is None else state.value,
    )


def _references(given: Any) -> list[dict[str, Any]]:
    expected = "'references' must be a list of objects with 'name', 'subject' and 'version'."
    if type(given) is not list or any(type(one) is not dict for one in given):
        raise Told(INVALID_SCHEMA, expected)
    made = []
    for one in given:
        reference = {"name": one.get("name"), "subject": one.get("subject")}
        if one.get("version") not in _NEWEST:
            reference["version"] = one["version"]
        made.append(reference)
    return made
