"""What an answer says when it used a schema that is coming to its end.

Owns three header fields: ``Deprecation`` (RFC 9745), ``Sunset`` (RFC 8594) and the ``Link`` to the
successor. Where one answer used several such schemas, it tells the earliest times.
"""

from collections.abc import Iterable
from email.utils import formatdate

from exchange.api.replies import HeaderLine, Reply
from registry.directory import Directory
from registry.nouns import State
from registry.schema_versions import SchemaVersion
from signing.manifest import Manifest


def deprecation_lines(schemas: Iterable[SchemaVersion]) -> list[HeaderLine]:
    """The header fields for these schemas; none unless one of them is deprecated or retired."""
    ending = [one for one in schemas if one.deprecated_at_ms is not None]
    if not ending:
        return []
    begun_ms = min(one.deprecated_at_ms or 0 for one in ending)
    lines: list[HeaderLine] = [(b"deprecation", b"@%d" % (begun_ms // 1000))]
    sunsets = [one.sunset_ms for one in ending if one.sunset_ms is not None]
    if sunsets:
        date = formatdate(min(sunsets) // 1000, usegmt=True)
        lines.append((b"sunset", date.encode("ascii")))
    for key in sorted({one.successor for one in ending if one.successor is not None}):
        lines.append((b"link", f'</v1/schemas/{key}>; rel="successor-version"'.encode("ascii")))
    return lines


def used_lines(directory: Directory, manifest: Manifest) -> list[HeaderLine]:
    """The header fields for the schema that a request's or a response's body is of."""
    schema = _used(directory, manifest)
    if schema is None or schema.state is State.ACTIVE:
        return []
    return deprecation_lines([schema])


def with_used(reply: Reply, directory: Directory, manifest: Manifest) -> Reply:
    """The reply with these fields, unless it tells the end of what it brings already."""
    lines = used_lines(directory, manifest)
    status, headers, body = reply
    if not lines or any(name == b"deprecation" for name, _ in headers):
        return reply
    return status, [*headers, *lines], body


def _used(directory: Directory, manifest: Manifest) -> SchemaVersion | None:
    if not manifest.parts or manifest.service is None:
        return None
    answering = manifest.kind == "response"
    if not answering and manifest.kind != "request":
        return None
    provider = manifest.sender if answering else manifest.to
    service = None if provider is None else directory.service(provider, manifest.service)
    if service is None:
        return None
    named = manifest.parts[0].schema
    return directory.schema(
        named or (service.response_schema if answering else service.request_schema)
    )
