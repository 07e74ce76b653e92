"""JSON Schema 2020-12 and draft-07: what is admitted, and how it is compiled.

Owns every option given to the validator library: offline, formats asserted, linear-time regular
expressions only. Refuses references that lead neither into the document nor to a registered
schema that was named with it. Invariant: an admitted text compiles, and checking a payload against
it has bounded time per value and bounded stack.
"""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import rfc8785
from jsonschema_rs import (
    Draft7Validator,
    Draft202012Validator,
    RegexOptions,
    ValidationError,
    ValidationErrorKind,
    canonicalize,
    meta,
)
from jsonschema_rs.canonical import CanonicalizationError, Satisfiability

from schemas import limits
from schemas.errors import PayloadError, PayloadInvalid, SchemaInvalid
from schemas.formats.bundling import bundled
from schemas.formats.masking import declared_names, masked
from schemas.formats.outline import DIALECTS, Json, Outline, depth_of, escape, outline
from schemas.formats.port import NO_REFERENCES, References
from schemas.formats.references import check_references, may_be_asked_for_satisfiability
from schemas.reasons import DIALECT_2020_12, Reason
from signing.errors import JsonInvalid
from signing.strict_json import parse_json

_REGEX = RegexOptions(size_limit=limits.PATTERN_BYTES_MAX)
_URI_REFERENCE = Draft202012Validator({"format": "uri-reference"}, validate_formats=True)
_PARSER_DEPTH_MAX = 199  # the parser's own; our limit is checked after, with a better sentence
_ALTERNATIVES_TOLD_DEEP = 4  # anyOf in anyOf in …: below that the position says enough
_WHY_CHARS_MAX = 160


class JsonSchema:
    """The format ``json-schema``."""

    name: ClassVar[str] = "json-schema"
    media_types: ClassVar[tuple[str, ...]] = ("application/json",)

    def admit(self, text: str, references: References = NO_REFERENCES) -> str:
        """The fingerprint of ``text``: ``sha256:`` over RFC 8785 of format, schema, references.

        Limits: those of ``schemas.limits``. Takes milliseconds; up to about 0.2 s at the limits.

        Raises:
            SchemaInvalid: the first rule that is broken, with its place.
        """
        own = _parse(text)
        _check_dialect(own)
        document = bundled(own, references)
        found = outline(document)
        _check_patterns(found)
        _check_metaschema(document)
        check_references(found)
        fingerprint = _fingerprint(own, references)
        _compiled(document)
        _check_satisfiable(document, found)
        return fingerprint

    def compile(self, text: str, references: References = NO_REFERENCES) -> "JsonSchemaCheck":
        """The validator of an admitted text; about 20 µs a subschema.

        Raises:
            SchemaInvalid: not JSON, or the library does not take it.
        """
        return JsonSchemaCheck(bundled(_parse(text), references))


def whole_document(text: str, references: References = NO_REFERENCES) -> Json:
    """An admitted text as one document that holds, under ``$defs``, whatever it refers to.

    Raises:
        SchemaInvalid: the text was never admitted.
    """
    return bundled(_parse(text), references)


class JsonSchemaCheck:
    """One compiled schema."""

    __slots__ = ("_compiled", "_declared", "_document", "is_valid")

    def __init__(self, document: Json) -> None:
        self._document = document
        self._compiled = _compiled(document)
        self._declared: frozenset[str] | None = None
        self.is_valid = self._compiled.is_valid

    def check(self, data: bytes, media_type: str) -> Any:
        """The parsed payload, if it is strict JSON and satisfies the schema.

        Limits: 10 MiB, 64 levels. Of a valid 2 kB message 4 µs are the check and the rest is the
        parse. The validator takes no bytes (a ``str`` is to it a JSON string), so the object that
        was parsed strictly is what is checked, and no second reading can differ from the first.

        Raises:
            PayloadInvalid: not strict JSON, or the errors, at most 100, without any value.
        """
        instance = parse_payload(data)
        if self.is_valid(instance):
            return instance
        raise self._invalid(instance, data)

    def _invalid(self, instance: Any, data: bytes) -> PayloadInvalid:
        first_only = data.count(b",") > limits.COLLECT_VALUES_MAX
        errors: list[PayloadError] = []
        for error in self.iter_errors(instance, first_only=first_only):
            if len(errors) == limits.ERRORS_MAX:
                return PayloadInvalid(tuple(errors), complete=False)
            errors.append(error)
        return PayloadInvalid(tuple(errors), complete=not first_only)

    def iter_errors(self, instance: Any, *, first_only: bool) -> Iterator[PayloadError]:
        """Errors in the validator's order; below an anyOf or oneOf, those of its best branch."""
        if self._declared is None:
            self._declared = declared_names(outline(self._document))
        if not first_only:
            for error in self._compiled.iter_errors(instance):
                yield from self._told(error, 0)
            return
        try:
            self._compiled.validate(instance)
        except ValidationError as error:
            yield from self._told(error, 0)

    def _told(self, error: ValidationError, level: int) -> Iterator[PayloadError]:
        assert self._declared is not None
        yield masked(error, self._document, self._declared)
        kind = error.kind
        if level < _ALTERNATIVES_TOLD_DEEP and isinstance(
            kind, ValidationErrorKind.AnyOf | ValidationErrorKind.OneOfNotValid
        ):
            for inner in min(kind.context, key=len, default=[]):
                yield from self._told(inner, level + 1)


def parse_payload(data: bytes) -> Any:
    """Strict JSON within the limits of a part. Raises PayloadInvalid."""
    try:
        return parse_json(
            data, depth_max=limits.PAYLOAD_DEPTH_MAX, bytes_max=limits.PAYLOAD_BYTES_MAX
        )
    except JsonInvalid as error:
        raise PayloadInvalid((PayloadError("", "json", error.detail),)) from error


def parse_text(text: str) -> Any:
    """A schema's text as strict JSON, within its limits of size and depth.

    Raises:
        SchemaInvalid: too long, not strict JSON, or too deep.
    """
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise SchemaInvalid(Reason.NOT_JSON, why="a lone surrogate.") from error
    if len(data) > limits.TEXT_BYTES_MAX:
        raise SchemaInvalid(Reason.TOO_LONG, size=len(data))
    try:
        document = parse_json(data, depth_max=_PARSER_DEPTH_MAX, bytes_max=limits.TEXT_BYTES_MAX)
    except JsonInvalid as error:
        raise SchemaInvalid(Reason.NOT_JSON, why=error.detail) from error
    if (depth := depth_of(document)) > limits.DEPTH_MAX:
        raise SchemaInvalid(Reason.TOO_DEEP, depth=depth)
    return document


def _parse(text: str) -> Json:
    document = parse_text(text)
    if not isinstance(document, dict):
        raise SchemaInvalid(Reason.NOT_AN_OBJECT)
    return document


def _check_dialect(document: Json) -> None:
    if "$schema" not in document:
        raise SchemaInvalid(Reason.DIALECT_MISSING)
    if document["$schema"] not in DIALECTS:
        raise SchemaInvalid(Reason.DIALECT_UNKNOWN, "/$schema")
    name = document.get("$id")
    if isinstance(name, str) and ("#" in name or "json-schema.org" in name.casefold()):
        raise SchemaInvalid(Reason.ID_RESERVED, "/$id")
    if isinstance(name, str) and not _URI_REFERENCE.is_valid(name):
        raise SchemaInvalid(Reason.ID_INVALID, "/$id")


def _check_patterns(found: Outline) -> None:
    known: set[str] = set()
    for pointer, pattern in found.patterns:
        if pattern in known:
            continue
        try:
            Draft202012Validator({"pattern": pattern}, pattern_options=_REGEX, offline=True)
        except ValidationError as error:
            raise SchemaInvalid(Reason.PATTERN_REFUSED, pointer) from error
        known.add(pattern)


def _check_metaschema(document: Json) -> None:
    try:
        meta.validate(document)
    except ValidationError as error:
        pointer = "".join(f"/{escape(str(step))}" for step in error.instance_path)
        raise SchemaInvalid(Reason.METASCHEMA, pointer, why=_why(error)) from error


def _fingerprint(document: Json, references: References) -> str:
    return fingerprint_of(
        JsonSchema.name, document, [references[name].fingerprint for name in sorted(references)]
    )


def fingerprint_of(format: str, schema: Any, references: Sequence[str] = ()) -> str:
    """``sha256:`` over RFC 8785 of the three.

    Raises:
        SchemaInvalid: an integer that JSON can't carry exactly.
    """
    try:
        data = rfc8785.dumps({"format": format, "schema": schema, "references": list(references)})
    except rfc8785.CanonicalizationError as error:
        raise SchemaInvalid(Reason.NUMBER_INEXACT) from error
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _compiled(document: Json) -> Draft202012Validator | Draft7Validator:
    latest = document.get("$schema") == DIALECT_2020_12
    try:
        return (Draft202012Validator if latest else Draft7Validator)(
            document, validate_formats=True, offline=True, pattern_options=_REGEX, mask="…"
        )
    except ValidationError as error:
        raise SchemaInvalid(Reason.NOT_COMPILED, why=_why(error)) from error


def _check_satisfiable(document: Json, found: Outline) -> None:
    if not may_be_asked_for_satisfiability(found):
        return
    try:
        canonical = canonicalize(
            document, validate_formats=True, offline=True, pattern_options=_REGEX
        )
    except CanonicalizationError:
        return  # The library can't model it; only a proven "no" refuses.
    if canonical.satisfiability() is Satisfiability.NO:
        raise SchemaInvalid(Reason.UNSATISFIABLE)


def _why(error: ValidationError) -> str:
    """The library's first line: text of the schema, which is no secret, cut to a line."""
    return " ".join(error.message.split("\n")[0].split())[:_WHY_CHARS_MAX].rstrip(".")
