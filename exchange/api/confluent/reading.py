"""Confluent's questions: subjects, versions, schemas by id, types, the mode."""

from exchange.api.confluent.asked import Asked
from exchange.api.confluent.errors import NO_SCHEMA, Told
from exchange.api.confluent.wording import (
    FORMAT_OF,
    confluent_reply,
    schema_members,
    text_reply,
    version_members,
)
from exchange.api.replies import Reply
from registry.schema_versions import SchemaVersion


async def subjects(asked: Asked) -> Reply:
    """The names of subjects; ``subjectPrefix`` narrows them."""
    prefix = asked.query.get("subjectPrefix", "")
    names = dict.fromkeys(one.subject for one in asked.listed(asked.seen()))
    return confluent_reply(asked.page([name for name in names if name.startswith(prefix)]))


async def versions(asked: Asked) -> Reply:
    """The numbers of a subject's versions."""
    with_deleted = asked.flag("deleted") or asked.flag("deleted_only")
    found = asked.listed(asked.versions(with_deleted=with_deleted))
    return confluent_reply(asked.page([one.version for one in found]))


async def version(asked: Asked) -> Reply:
    """One version, or the latest."""
    found = asked.version(with_deleted=asked.flag("deleted"))
    return confluent_reply(version_members(asked.directory, found))


async def version_text(asked: Asked) -> Reply:
    """The text of one version."""
    return text_reply(asked.version(with_deleted=asked.flag("deleted")).text)


async def referenced_by(asked: Asked) -> Reply:
    """The ids of the schemas that refer to a version."""
    about = asked.version(with_deleted=True).fingerprint
    found = [
        one.id
        for one in asked.listed(asked.seen())
        if any(reference.fingerprint == about for reference in one.references)
    ]
    return confluent_reply(asked.page(sorted(found)))


async def by_id(asked: Asked) -> Reply:
    """The schema of an id, whatever became of it since: what was written stays readable."""
    return confluent_reply(schema_members(asked.directory, _of_id(asked)))


async def text_by_id(asked: Asked) -> Reply:
    """The text of the schema of an id."""
    return text_reply(_of_id(asked).text)


async def subjects_by_id(asked: Asked) -> Reply:
    """The subject that the id is registered under; here there is one."""
    return confluent_reply(asked.page([one.subject for one in _listed_of_id(asked)]))


async def versions_by_id(asked: Asked) -> Reply:
    """The subject and version of the id."""
    found = [{"subject": one.subject, "version": one.version} for one in _listed_of_id(asked)]
    return confluent_reply(asked.page(found))


async def types(asked: Asked) -> Reply:
    """The types of schemas that may be registered."""
    return confluent_reply(list(FORMAT_OF))


async def mode(asked: Asked) -> Reply:
    """``READWRITE``, or ``READONLY`` while the bus can't write; nobody sets it."""
    is_writable = asked.api.why_not_ready() is None
    return confluent_reply({"mode": "READWRITE" if is_writable else "READONLY"})


def _of_id(asked: Asked) -> SchemaVersion:
    text = asked.parts[0]
    found = None
    if text.isascii() and text.isdigit() and len(text) <= 10:
        found = next((one for one in asked.seen() if one.id == int(text)), None)
    if found is None:
        raise Told(NO_SCHEMA, f"Schema {text[:20]} not found.")
    return found


def _listed_of_id(asked: Asked) -> list[SchemaVersion]:
    wanted = asked.query.get("subject")
    found = asked.listed([_of_id(asked)])
    return [one for one in found if wanted in (None, one.subject)]
