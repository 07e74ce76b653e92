"""XML read strictly and twice: a first pass refuses what the second must never meet.

The first pass is expat's, which builds nothing: no document type (so no entities), UTF-8 only, no
byte-order mark, depth and size within limits. Only then does libxml2 build a tree, with no network,
no entities, no document types. Nothing is fetched by either.
"""

from typing import Any
from xml.parsers import expat

from schemas.errors import ExtraMissing

XSD_FORMAT = "xsd"

Element = Any
"""lxml's, which ships no types."""


class XmlRefused(Exception):
    """What the first pass refuses; never leaves this package."""

    def __init__(self, keyword: str, why: str) -> None:
        super().__init__(why)
        self.keyword = keyword
        self.why = why


def scan(data: bytes, *, depth_max: int, nodes_max: int) -> None:
    """Read to the end without building anything.

    Limits: ``nodes_max`` elements and attributes, ``depth_max`` nested elements.

    Raises:
        XmlRefused: not well-formed, not UTF-8, a document type, too deep, too many.
    """
    if data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise XmlRefused("xml", "it begins with a byte-order mark.")
    parser = expat.ParserCreate("utf-8", namespace_separator=" ")
    counted = _Counted(depth_max, nodes_max)
    parser.StartElementHandler = counted.start
    parser.EndElementHandler = counted.end
    parser.StartDoctypeDeclHandler = _refuse_document_type
    parser.XmlDeclHandler = _check_declaration
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        # expat's sentences quote nothing of the document.
        why = f"{expat.ErrorString(error.code)}, line {error.lineno}."
        raise XmlRefused("xml", why) from error


class _Counted:
    def __init__(self, depth_max: int, nodes_max: int) -> None:
        self._depth_left = depth_max
        self._nodes_left = nodes_max

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth_left -= 1
        self._nodes_left -= 1 + len(attributes)
        if self._depth_left < 0:
            raise XmlRefused("depth", "it nests too deep.")
        if self._nodes_left < 0:
            raise XmlRefused("size", "it has too many elements and attributes.")

    def end(self, name: str) -> None:
        self._depth_left += 1


def _refuse_document_type(*_: object) -> None:
    raise XmlRefused("document-type", "it has a document type declaration.")


def _check_declaration(version: str, encoding: str | None, standalone: int) -> None:
    if version != "1.0" or (encoding or "utf-8").lower() != "utf-8":
        raise XmlRefused("xml", "it must be XML 1.0 in UTF-8.")


def build(data: bytes, *, blank: bool = True) -> Element:
    """The tree of scanned bytes; ``blank=False`` leaves out comments and white space.

    Raises:
        XmlRefused: libxml2 takes less than expat.
        ExtraMissing: ``lxml`` is not installed.
    """
    etree = library()
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False,
        attribute_defaults=False, huge_tree=False, recover=False, remove_blank_text=not blank,
        remove_comments=not blank, remove_pis=not blank,
    )  # fmt: skip
    try:
        return etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise XmlRefused("xml", "it is not well-formed.") from error


def library() -> Any:
    """lxml's module. Raises ExtraMissing."""
    try:
        from lxml import etree
    except ModuleNotFoundError as error:
        raise ExtraMissing(XSD_FORMAT) from error
    return etree
