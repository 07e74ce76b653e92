"""XSD 1.0: what is admitted, and how XML payloads are checked.

Owns every option given to ``lxml``, which comes with the extra ``formats``. One document is one
schema: nothing is included, imported or fetched, and what a payload says about where its schema
lies (``xsi:schemaLocation``) is not followed. Invariant: no bytes reach libxml2 that hold a
document type.
"""

import threading
from typing import Any, ClassVar

from schemas import limits
from schemas.errors import PayloadError, PayloadInvalid, SchemaInvalid
from schemas.formats.json_schema import fingerprint_of
from schemas.formats.port import NO_REFERENCES, References
from schemas.formats.xml_text import XSD_FORMAT, Element, XmlRefused, build, library, scan
from schemas.formats.xsd_masking import masked
from schemas.formats.xsd_outline import check_outline
from schemas.reasons import Reason

_WHY_CHARS_MAX = 200
_REASONS = {"document-type": Reason.DOCUMENT_TYPE, "size": Reason.XSD_TOO_BIG}


class Xsd:
    """The format ``xsd``."""

    name: ClassVar[str] = XSD_FORMAT
    media_types: ClassVar[tuple[str, ...]] = ("application/xml",)

    def admit(self, text: str, references: References = NO_REFERENCES) -> str:
        """The fingerprint of ``text``: ``sha256:`` over RFC 8785 of format, schema, references,
        where the schema is its canonical XML (C14N 1.0) without comments and blank text.

        Raises:
            SchemaInvalid: the first rule that is broken, with its place.
            ExtraMissing: ``lxml`` is not installed.
        """
        if references:
            raise SchemaInvalid(Reason.REFERENCES_NOT_OFFERED, format=self.name)
        root = _parsed(text)
        check_outline(root)
        _compiled(root)
        canonical = library().tostring(root, method="c14n", with_comments=False)
        return fingerprint_of(self.name, canonical.decode("utf-8"))

    def compile(self, text: str, references: References = NO_REFERENCES) -> "XsdCheck":
        """The check of an admitted text. Raises SchemaInvalid, ExtraMissing."""
        return XsdCheck(_parsed(text))


class XsdCheck:
    """One compiled schema; libxml2's log is shared, so one payload at a time."""

    __slots__ = ("_compiled", "_declared", "_lock")

    def __init__(self, root: Element) -> None:
        self._declared = check_outline(root)
        self._compiled = _compiled(root)
        self._lock = threading.Lock()

    def check(self, data: bytes, media_type: str) -> Any:
        """The root element of a payload that satisfies the schema.

        Limits: 10 MiB, 64 levels, ``PAYLOAD_VALUES_MAX`` elements and attributes. A document type
        is refused, and so are other encodings than UTF-8.

        Raises:
            PayloadInvalid: the errors, at most 100, without any value.
        """
        root = _payload(data)
        with self._lock:
            if self._compiled.validate(root):
                return root
            log = list(self._compiled.error_log)
        errors = [masked(one, root, self._declared) for one in log[: limits.ERRORS_MAX]]
        if not errors:
            errors = [PayloadError("", "schema", "Does not satisfy the schema.")]
        raise PayloadInvalid(tuple(dict.fromkeys(errors)), complete=len(log) <= limits.ERRORS_MAX)


def _payload(data: bytes) -> Element:
    if len(data) > limits.PAYLOAD_BYTES_MAX:
        said = f"Must have at most {limits.PAYLOAD_BYTES_MAX} bytes."
        raise PayloadInvalid((PayloadError("", "size", said),))
    try:
        scan(data, depth_max=limits.PAYLOAD_DEPTH_MAX, nodes_max=limits.PAYLOAD_VALUES_MAX)
        return build(data)
    except XmlRefused as error:
        said = f"The payload is not taken as XML: {error.why}"
        raise PayloadInvalid((PayloadError("", error.keyword, said),)) from error


def _parsed(text: str) -> Element:
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise SchemaInvalid(Reason.NOT_XML, why="a lone surrogate.") from error
    if len(data) > limits.TEXT_BYTES_MAX:
        raise SchemaInvalid(Reason.TOO_LONG, size=len(data))
    try:
        scan(data, depth_max=limits.DEPTH_MAX, nodes_max=10 * limits.XSD_ELEMENTS_MAX)
        return build(data, blank=False)
    except XmlRefused as error:
        if error.keyword == "depth":
            found = f"more than {limits.DEPTH_MAX}"
            raise SchemaInvalid(Reason.TOO_DEEP, depth=found) from error
        reason = _REASONS.get(error.keyword, Reason.NOT_XML)
        raise SchemaInvalid(reason, why=error.why) from error


def _compiled(root: Element) -> Any:
    etree = library()
    try:
        return etree.XMLSchema(root)
    except etree.XMLSchemaParseError as error:
        why = " ".join(str(error).split())[:_WHY_CHARS_MAX].rstrip(".")
        raise SchemaInvalid(Reason.XSD_INVALID, why=why) from error
