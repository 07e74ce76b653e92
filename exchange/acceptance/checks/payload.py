"""Are the parts the ones promised, and do they satisfy the service's schemas?"""

from exchange.acceptance.arrival import Arrival
from exchange.acceptance.errors import BodyTypeUnsupported
from registry.directory import Directory
from registry.schema_versions import SchemaVersion
from schemas.catalogue import Validator, Validators, media_types_of
from schemas.compatibility.levels import Policy
from schemas.errors import PayloadError, PayloadInvalid, SchemaUnknown
from signing.errors import JsonInvalid
from signing.manifest import Manifest
from signing.message import Parts, check_parts
from signing.strict_json import parse_json

WITH_BODY = frozenset({"request", "response"})
"""The kinds whose one part a service's schema describes; other kinds have a context, or nothing."""

TEXT_CHARS_MAX = 4_000  # wire.md: explanations
_CONTEXT_BYTES_MAX = 65_536


def check_body_type(arrival: Arrival) -> None:
    """The body is of a media type that the service's schema describes.

    Raises BodyTypeUnsupported. That the schema is there is for `check_payload` to say.
    """
    manifest = arrival.envelope.manifest
    if manifest.kind not in WITH_BODY:
        return
    try:
        schema = _schema_of(arrival)
    except SchemaUnknown:
        return
    spec, offered = manifest.parts[0], media_types_of(schema.format)
    if spec.type not in offered:
        raise BodyTypeUnsupported(
            f"Part '{spec.name}' must be {' or '.join(offered)}: "
            f"its schema is of format '{schema.format}'."
        )


def check_commitments(arrival: Arrival, parts: Parts) -> None:
    """Raises PartMissing, CommitmentMismatch."""
    check_parts(arrival.envelope.manifest, parts)


def check_payload(arrival: Arrival, parts: Parts, validators: Validators) -> None:
    """Raises PayloadInvalid or PayloadUndeclared with every error, SchemaUnknown."""
    manifest = arrival.envelope.manifest
    if manifest.kind not in WITH_BODY:
        for data in parts.data:
            _check_context(manifest.kind, data)
        return
    validator_of(arrival, validators).check(parts.data[0], manifest.parts[0].type)


def validator_of(arrival: Arrival, validators: Validators) -> Validator:
    """The validator for the body of a request or response. Raises SchemaUnknown."""
    return validator_for(arrival.directory, _schema_of(arrival), validators)


def validator_for(directory: Directory, schema: SchemaVersion, validators: Validators) -> Validator:
    """The validator of what is sent by a registered schema. Raises SchemaUnknown.

    Under EVOLVE it lets declared fields pass only: comparisons of versions count on that.
    """
    references = directory.references(schema)
    return validators.get(
        schema.fingerprint,
        schema.text,
        schema.format,
        references,
        declared_only=directory.rules(schema.subject).policy is Policy.EVOLVE,
    )


def _schema_of(arrival: Arrival) -> SchemaVersion:
    service = arrival.service
    if service is None:
        raise SchemaUnknown("The service is no longer registered.")
    manifest = arrival.envelope.manifest
    answering = manifest.kind == "response"
    fingerprint = service.response_schema if answering else service.request_schema
    active = _schema(arrival.directory, fingerprint)
    return _named(arrival.directory, manifest, active)


def _schema(directory: Directory, fingerprint: str) -> SchemaVersion:
    schema = directory.schema(fingerprint)
    if schema is None:
        raise SchemaUnknown("The service's schema is not registered.")
    return schema


def _named(directory: Directory, manifest: Manifest, active: SchemaVersion) -> SchemaVersion:
    """The schema that the part names, if it is another version of the service's own."""
    named = manifest.parts[0].schema
    if named is None or named == active.fingerprint:
        return active
    schema = directory.schema(named)
    if schema is None or schema.subject != active.subject or not schema.is_in_force:
        raise SchemaUnknown(
            "The part names a schema that isn't a version in force of the service's."
        )
    return schema


def _check_context(kind: str, data: bytes) -> None:
    try:
        value = parse_json(data, depth_max=2, bytes_max=_CONTEXT_BYTES_MAX)
    except JsonInvalid as error:
        raise PayloadInvalid((PayloadError("", "json", error.detail),)) from error
    text = value.get("text") if isinstance(value, dict) else None
    if not isinstance(text, str) or len(text) > TEXT_CHARS_MAX:
        most = f"of at most {TEXT_CHARS_MAX} characters."
        message = f'The context of a {kind} is {{"text": …}} {most}'
        raise PayloadInvalid((PayloadError("/text", "type", message),))
