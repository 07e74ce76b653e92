"""The judgement of one reading: can whoever reads by one document take what another's writers send?

Owns the order of evidence: what reads the same; the library's containment; where it can't tell, a
proof by walking; a search for a witness, short when there is a yes to doubt, long otherwise.
Invariant: NO only with an instance that the validators judged; YES only if the library or the
proof says so and the search, however short, found nothing.
"""

from hashlib import sha256
from typing import Any, Final

from jsonschema_rs import Draft202012Validator, canonicalize, validator_for
from jsonschema_rs.canonical import CanonicalizationError, Containment

from schemas.compatibility.declared import declared_only
from schemas.compatibility.document import (
    REGEX,
    Document,
    Json,
    NotComparable,
    bodies,
    document_of,
    moved,
    text_of,
    validator,
)
from schemas.compatibility.draft07 import in_2020_12
from schemas.compatibility.equality import Equality
from schemas.compatibility.levels import Policy
from schemas.compatibility.proof import Proof
from schemas.compatibility.verdicts import Answer, Judged, Refused
from schemas.compatibility.witness import CHECKS_MAX, Search
from schemas.formats.masking import masked
from schemas.reasons import DIALECT_2020_12

DOUBT_CHECKS_MAX: Final = 300
"""Candidates tried against a yes: some milliseconds of doubt about an experimental library."""

SUBTRACTED_PLACES_MAX: Final = 300
"""Places in two documents above which the library isn't asked for their difference, which grows
with the square: of 8,000 places it takes longer than a person waits."""

_SAME: Final = "Both versions take the same instances."
_COVERED: Final = "Whatever the writer's version takes, the reader's takes."
_REFUSED: Final = "The reader's version refuses an instance that the writer's takes."
_UNKNOWN: Final = "Neither a proof nor an instance that breaks the reader was found."


def judge(writer: Json, reader: Json, policy: Policy) -> Judged:
    """Whether ``reader`` takes every instance that writers by ``writer`` may send.

    Both are parsed documents that were admitted. Bounded in steps; the library is not, so a
    caller who serves others runs this in a process that can be killed.
    """
    try:
        written, read = document_of(in_2020_12(writer)), document_of(in_2020_12(reader))
        sent = declared_only(written) if policy is Policy.EVOLVE else written
        return _judged(writer, reader, written, sent, read)
    except NotComparable as error:
        return Judged(Answer.UNKNOWN, f"Can't tell: {error}.")


def _judged(
    writer: Json, reader: Json, written: Document, sent: Document, read: Document
) -> Judged:
    if Equality(written, read).holds(written.root, read.root):
        return Judged(Answer.YES, _SAME)
    if sum(1 for side in (sent, read) for _ in bodies(side.root)) > SUBTRACTED_PLACES_MAX:
        # The library takes seconds to say no to a large document; a few instances may be quicker.
        found, instance = _search(writer, reader, written, sent, read, None).find(DOUBT_CHECKS_MAX)
        if found:
            return Judged(Answer.NO, _REFUSED, _refused(instance, reader))
    contained, difference = _contained(sent, read)
    search = _search(writer, reader, written, sent, read, difference)
    sure = contained is Containment.YES
    if contained is Containment.UNKNOWN:
        sure = Proof(sent, read).holds()
    found, instance = search.find(DOUBT_CHECKS_MAX if sure else CHECKS_MAX)
    if found:
        return Judged(Answer.NO, _REFUSED, _refused(instance, reader))
    if sure:
        return Judged(Answer.YES, _COVERED)
    return Judged(Answer.UNKNOWN, _UNKNOWN)


def _contained(writer: Document, reader: Document) -> tuple[Containment, Document | None]:
    """The library's word, and the instances that it thinks make the difference."""
    both = {
        "writer": moved(writer.root, "writer", writer),
        "reader": moved(reader.root, "reader", reader),
    }
    try:
        one, other = (
            canonicalize(
                {"$schema": DIALECT_2020_12, "$ref": f"#/$defs/{name}", "$defs": both},
                validate_formats=True, offline=True, pattern_options=REGEX,
            )
            for name in ("writer", "reader")
        )  # fmt: skip
        contained = other.covers(one)
        places = sum(1 for side in both.values() for _ in bodies(side))
        if contained is Containment.YES or places > SUBTRACTED_PLACES_MAX:
            return contained, None
        left = one.subtract(other).to_json_schema()
    except (CanonicalizationError, ValueError):
        return Containment.UNKNOWN, None
    return contained, document_of(left) if isinstance(left, dict) else None


def _search(
    writer: Json,
    reader: Json,
    written: Document,
    sent: Document,
    read: Document,
    difference: Document | None,
) -> Search:
    by_writer, by_reader = _validator(writer), _validator(reader)
    by_sender = None if sent is written else _declared_validator(sent)

    def takes(instance: Any) -> bool:
        return by_writer.is_valid(instance) and (by_sender is None or by_sender.is_valid(instance))

    sources = [sent, read] + ([] if difference is None else [difference])
    seed = sha256((text_of(writer) + text_of(reader)).encode()).digest()[:8]
    return Search(sources, takes, by_reader.is_valid, int.from_bytes(seed, "big"))


def _declared_validator(sent: Document) -> Draft202012Validator:
    return validator({"$schema": DIALECT_2020_12, **sent.root})


def _validator(document: Json) -> Any:
    """By the document's own dialect."""
    return validator_for(document, validate_formats=True, offline=True, pattern_options=REGEX)


def _refused(instance: Any, reader: Json) -> Refused:
    """The first place at which the reader's validator refuses, in the words of a refusal."""
    for error in _validator(reader).iter_errors(instance):
        names = frozenset(step for step in error.instance_path if isinstance(step, str))
        told = masked(error, reader, names)  # the instance is ours: no name in it is a secret
        return Refused(instance, told.pointer, told.message)
    raise AssertionError("a witness is refused by the reader")
