"""A change as somebody writes it, made into the whole object that its record will hold.

A member that is left out keeps what is registered, or takes its default in a new object; ``null``
takes a member away. What the bytes of a certificate or the text of a schema decide is filled in.
Owns no rule between objects.
"""

from collections.abc import Mapping
from typing import Any

from registry.certificates import derived_members, read_der
from registry.contents import Contents
from registry.errors import ChangeInvalid, Conflict
from registry.grants import default_grant_id
from registry.lifecycle import with_times
from registry.nouns import Noun, State
from registry.objects import CLASSES, DirectoryObject
from registry.policy import POLICY_KEY
from registry.schema_versions import SchemaVersion
from schemas.catalogue import admit
from schemas.errors import SchemaError
from schemas.formats.port import References
from signing.encoding import format_time

Members = dict[str, Any]


def complete(
    contents: Contents, noun: Noun, key: str | None, given: Mapping[str, Any], now_ms: int
) -> tuple[Members, DirectoryObject | None]:
    """The whole object, and what is registered under its key.

    Raises:
        ChangeInvalid: no key can be told, or the object names what is not there.
        Conflict: a member that is fixed once registered is given another value.
    """
    if noun is Noun.BUS_KEY:
        raise ChangeInvalid("A bus key is added by the bus itself, never by a change.")
    filled = _filled(contents, noun, key, dict(given))
    where = _key(noun, filled) if key is None else key
    previous = None if where is None else contents.of(noun).get(where)
    kept = {} if previous is None else previous.to_object()
    if noun is Noun.SCHEMA:
        assert previous is None or isinstance(previous, SchemaVersion)
        filled = with_times(filled, previous, now_ms)
    cls = CLASSES[noun]
    for name in getattr(cls, "FIXED", ()):
        if name in kept and name in filled and filled[name] != kept[name]:
            raise Conflict(f"The {noun}'s '{name}' can't change once registered; add another.")
    whole = {**_defaults(noun, now_ms), **kept, **filled}
    return {name: value for name, value in whole.items() if value is not None}, previous


def _defaults(noun: Noun, now_ms: int) -> Members:
    defaults = dict(getattr(CLASSES[noun], "DEFAULTS", {}))
    if noun is Noun.GRANT:
        defaults["valid_from"] = format_time(now_ms)
    return defaults


def _key(noun: Noun, members: Members) -> str | None:
    if noun is Noun.POLICY:
        return POLICY_KEY
    names = {
        Noun.CERTIFICATE: ("x5t",),
        Noun.SCHEMA: ("fingerprint",),
        Noun.SUBJECT: ("subject",),
        Noun.SERVICE: ("system", "code"),
    }.get(noun, ("id",))
    parts = [members.get(name) for name in names]
    return "/".join(map(str, parts)) if all(type(part) is str for part in parts) else None


def _filled(contents: Contents, noun: Noun, key: str | None, members: Members) -> Members:
    if noun is Noun.CERTIFICATE and "certificate" in members:
        return {**derived_members(read_der(members["certificate"])), **members}
    if noun is Noun.SCHEMA and "text" in members and key not in contents.schemas:
        return _numbered(contents, members)
    if noun is Noun.SERVICE:
        return {name: _fingerprint(contents, name, value) for name, value in members.items()}
    if noun is Noun.GRANT and "id" not in members:
        parts = [members.get(name) for name in ("consumer", "system", "service")]
        if all(type(part) is str for part in parts):
            return {"id": default_grant_id(*map(str, parts)), **members}
    return members


def _fingerprint(contents: Contents, name: str, value: Any) -> Any:
    if name not in ("request_schema", "response_schema") or not isinstance(value, dict):
        return value
    subject = value.get("subject")
    versions = contents.in_force(subject) if type(subject) is str else []
    if value.keys() != {"subject"} or type(subject) is not str:
        raise ChangeInvalid(
            f"The service's '{name}' must be a fingerprint, or {{'subject': …}} of a schema."
        )
    if not versions:
        raise ChangeInvalid(
            f"The service's '{name}': no schema is in force under the subject "
            f"'{subject[:64]}'. Add the schema first (`sealway schema add`)."
        )
    active = [one for one in versions if one.state is State.ACTIVE]
    return (active or versions)[-1].fingerprint


def _numbered(contents: Contents, members: Members) -> Members:
    text, format_name = members["text"], members.get("format", "json-schema")
    subject = members.get("subject")
    if type(text) is not str or type(format_name) is not str or type(subject) is not str:
        raise ChangeInvalid("A schema must have 'subject' and 'text', both texts.")
    if "references" in members:
        members = {**members, "references": _frozen(contents, members["references"])}
    named = members.get("references") or []
    fingerprint = _known_text(contents, subject, text, named)
    if fingerprint is None:
        sources = {one["name"]: contents.source(one["fingerprint"]) for one in named}
        fingerprint = _admitted(format_name, text, subject, sources)
    there = contents.schemas.get(fingerprint)
    if there is not None:
        if there.subject != subject:
            raise Conflict(
                f"This schema is registered already: '{there.subject}', version {there.version}. "
                "Refer to it by its fingerprint."
            )
        # Another spelling of the same schema: the text first submitted is kept.
        found = {**members, "fingerprint": fingerprint, "text": there.text}
        if there.state is State.WITHDRAWN:
            found.setdefault("state", State.ACTIVE.value)
        return found
    numbers = {
        "fingerprint": fingerprint,
        "id": contents.schema_id_last + 1,
        "version": len(contents.subjects.get(subject, ())) + 1,
    }
    for name, value in {**numbers, "compatibility": None}.items():
        if members.get(name, value) != value:
            raise ChangeInvalid(f"The schema's '{name}' is given by the registry; leave it out.")
    return {**members, **numbers}


def _frozen(contents: Contents, given: Any) -> Any:
    """Each reference with the fingerprint of what it names now; the newest version by default."""
    if not given:
        return None
    frozen = []
    for one in given if type(given) is list else [given]:
        if type(one) is not dict:
            raise ChangeInvalid("A schema's 'references' must be a list of objects.")
        name, subject = one.get("name"), one.get("subject")
        fingerprint = one.get("fingerprint")
        if fingerprint is None and type(subject) is str:
            fingerprint = _of_version(contents, subject, one.get("version"))
        known = type(fingerprint) is str and fingerprint in contents.schemas
        if type(name) is not str or not known or one.keys() - _OF_A_REFERENCE:
            raise ChangeInvalid(
                "A schema's reference must have 'name' and either 'fingerprint' or 'subject' and "
                "'version' of a schema that is registered. Add that schema first."
            )
        frozen.append({"name": name, "fingerprint": fingerprint})
    return sorted(frozen, key=lambda one: one["name"]) or None


_OF_A_REFERENCE = frozenset({"name", "subject", "version", "fingerprint"})


def _of_version(contents: Contents, subject: str, version: Any) -> str | None:
    versions = contents.subjects.get(subject, ())
    if version is None:
        usable = contents.in_force(subject) or contents.versions(subject)
        return usable[-1].fingerprint if usable else None
    return versions[version - 1] if type(version) is int and 0 < version <= len(versions) else None


def _known_text(contents: Contents, subject: str, text: str, named: list[Any]) -> str | None:
    for fingerprint in contents.subjects.get(subject, ()):
        schema = contents.schemas[fingerprint]
        if schema.text == text and [one.to_object() for one in schema.references] == named:
            return fingerprint
    return None


def _admitted(format_name: str, text: str, subject: str, references: References) -> str:
    try:
        return admit(format_name, text, references).fingerprint
    except SchemaError as error:
        raise ChangeInvalid(f"Schema '{subject[:100]}': {error.detail}") from error
