"""Bodies against the schemas that the directory had in force at the leaf's version."""

from registry.directory import Directory
from registry.schema_versions import SchemaVersion
from schemas.catalogue import Validators
from schemas.errors import PayloadInvalid, SchemaError, SchemaUnknown
from sealway.verify.findings import Code, Findings
from signing.manifest import Manifest
from signing.message import Parts

WITH_BODY = frozenset({"request", "response"})


class Payloads:
    """Validates again what acceptance validated; compiled schemas are kept."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._validators = Validators()

    def check(
        self, manifest: Manifest, parts: Parts, directory: Directory, shard: int, index: int
    ) -> None:
        """Note a body that its schema refuses, or a schema that can't be told."""
        if manifest.kind not in WITH_BODY or not parts.data:
            return
        try:
            schema = _schema_of(manifest, directory)
            references = directory.references(schema)
            validator = self._validators.get(
                schema.fingerprint, schema.text, schema.format, references
            )
            media_type = manifest.parts[0].type
            if media_type not in validator.media_types:
                raise SchemaUnknown(f"Its schema does not describe {media_type}.")
            validator.check(parts.data[0], media_type)
        except PayloadInvalid as error:
            text = f"The body does not satisfy its schema: {error.errors[0].message[:200]}"
            self._findings.add(Code.PAYLOAD_INVALID, text, shard, index)
        except SchemaError as error:
            self._findings.add(Code.SCHEMA_NOT_READABLE, error.detail, shard, index)


def _schema_of(manifest: Manifest, directory: Directory) -> SchemaVersion:
    answers = manifest.kind == "response"
    provider = manifest.sender if answers else manifest.to
    service = directory.service(str(provider), str(manifest.service))
    if service is None:
        raise SchemaUnknown("The service was not registered.")
    active = directory.schema(service.response_schema if answers else service.request_schema)
    named = manifest.parts[0].schema
    schema = active if named is None else directory.schema(named)
    if active is None or schema is None or schema.subject != active.subject:
        raise SchemaUnknown("The schema was not registered, or is none of the service's.")
    return schema
