"""Are the parts the ones promised, and do they satisfy the service's schemas?"""

from typing import Any

from exchange.acceptance.arrival import Arrival
from exchange.acceptance.checks.kind import CONTEXT, CONTEXT_BYTES_MAX, WITH_BODY
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

TEXT_CHARS_MAX = 4_000  # wire.md: explanations
_CONTEXT_DEPTH_MAX = 8  # as a manifest's


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
    for spec, data in zip(manifest.parts, parts.data, strict=True):
        if spec.name == CONTEXT:
            _check_words(_parse_context(data, _CONTEXT_DEPTH_MAX))


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
    """The context of what has no body: its text, and what else may go with that."""
    value = _parse_context(data, 2)
    text = value.get("text") if isinstance(value, dict) else None
    if not isinstance(text, str) or len(text) > TEXT_CHARS_MAX:
        most = f"of at most {TEXT_CHARS_MAX} characters."
        message = f'The context of a {kind} is {{"text": …}} {most}'
        raise PayloadInvalid((PayloadError("/text", "type", message),))


def _parse_context(data: bytes, depth_max: int) -> Any:
    try:
        return parse_json(data, depth_max=depth_max, bytes_max=CONTEXT_BYTES_MAX)
    except JsonInvalid as error:
        raise PayloadInvalid((PayloadError("", "json", error.detail),)) from error


def _check_words(context: Any) -> None:
    """The context beside a body is an object, and none of its texts is too long to be read."""
    if not isinstance(context, dict):
        raise PayloadInvalid((PayloadError("", "type", "The context is a JSON object."),))
    left: list[tuple[str, Any]] = [("", context)]
    while left:
        at, value = left.pop()
        if isinstance(value, str) and len(value) > TEXT_CHARS_MAX:
            message = f"A text in the context has at most {TEXT_CHARS_MAX} characters."
            raise PayloadInvalid((PayloadError(at, "maxLength", message),))
        if isinstance(value, dict):
            left += [(f"{at}/{_escaped(name)}", one) for name, one in value.items()]
        elif isinstance(value, list):
            left += [(f"{at}/{number}", one) for number, one in enumerate(value)]


def _escaped(name: str) -> str:
    return name[:100].replace("~", "~0").replace("/", "~1")
