"""A log 0 that took another's place: what its leaf 0 says of the one before, held against it.

After an older copy of the database was put back, log 0 goes on in a successor with a key of its
own (log.md; delivery.md, *Shards*). Its leaf 0 says how far the log before had been signed and what
was found of it. What is missing between the two is proven to be missing, not what it was.
"""

from collections.abc import Mapping
from typing import Any, Final

from sealway.verify.database import Database, DatabaseUnreadable
from sealway.verify.findings import Code, Findings
from sealway.verify.listing import size_and_root
from sealway.verify.names import log_name
from sealway.verify.scan import ScannedLog
from signing.errors import EncodingInvalid, ProofInvalid, SealwayError
from signing.log.checkpoint import Checkpoint, parse_checkpoint, verify_checkpoint
from signing.log.note import NoteVerifier, note_text
from signing.records import Record, decode_record

REASON_CHARS_MAX: Final = 200


def sizes_named(database: Database, successor: int) -> list[int]:
    """Sizes of the log before that the first record of its successor names.

    Nothing is believed here: these are sizes at which the tree's root is worth keeping.
    """
    try:
        row = next(iter(database.records(successor)), None)
        record = decode_record(row[1]) if row is not None and type(row[1]) is bytes else None
        after = record.after if record is not None else None
        if not isinstance(after, dict):
            return []
        sizes = [after.get("size_found"), after.get("size_signed")]
        note = after.get("checkpoint")
        if isinstance(note, str):
            sizes.append(parse_checkpoint(note_text(note)).size)
    except (SealwayError, DatabaseUnreadable):
        return []
    return [size for size in sizes if type(size) is int and 0 <= size < 2**53]


def check_succession(
    record: Record, log: int, before: ScannedLog, verifier: NoteVerifier, findings: Findings
) -> None:
    """Hold leaf 0 of ``log`` against the log before it, whose key is ``verifier``."""
    after = record.after
    try:
        if not isinstance(after, dict) or after.get("closed") != before.head.origin:
            raise ProofInvalid(f"Leaf 0 must close {before.head.origin}, the log 0 before.")
        found = size_and_root({"size": after.get("size_found"), "root": after.get("root_found")})
        signed = _signed(after, verifier)
    except (ProofInvalid, EncodingInvalid) as error:
        findings.add(Code.RECORD_MALFORMED, error.detail, log, 0)
        return
    if before.head.state == "open":
        text = f"Log {log_name(log)} took its place, and its row is still open."
        findings.add(Code.HEAD_DIFFERS, text, before.head.shard)
    _check_found(*found, log, before, findings)
    for size, root in signed:
        if size <= before.size and before.roots.get(size) != root:
            text = f"{size} leaves were signed, with another root than these give."
            findings.add(Code.CHECKPOINT_DIFFERS, text, before.head.shard)
    longest = max((size for size, _ in signed), default=0)
    if longest > before.size:
        reason = str(after.get("reason", ""))[:REASON_CHARS_MAX]
        text = (
            f"{longest} leaves were signed; {before.size} are there, and log {log_name(log)} says"
            f' so ("{reason}"). What the others were can\'t be told from here.'
        )
        findings.add(Code.LOG_ROLLED_BACK, text, before.head.shard, before.size)


def _signed(after: Mapping[str, Any], verifier: NoteVerifier) -> list[tuple[int, bytes]]:
    """Sizes and roots that are said to have been signed, a checkpoint's verified."""
    signed = []
    if after.get("size_signed") is not None:
        members = {"size": after["size_signed"], "root": after.get("root_signed")}
        signed.append(size_and_root(members))
    note = after.get("checkpoint")
    if note is not None:
        checkpoint: Checkpoint = verify_checkpoint(str(note), verifier)
        signed.append((checkpoint.size, checkpoint.root))
    return signed


def _check_found(size: int, root: bytes, log: int, before: ScannedLog, findings: Findings) -> None:
    n, found = before.head.shard, f"Log {log_name(log)} found {size} leaves"
    if before.size > size:
        text = f"{found}; nothing after that counts."
        findings.add(Code.LOG_CLOSED, text, n, size)
    elif before.size < size:
        findings.add(Code.LOG_TRUNCATED, f"{found}; {before.size} are there.", n, before.size)
    if before.size >= size and before.roots.get(size) != root:
        findings.add(Code.HEADS_DIFFER, f"{found} with another root than these give.", n, size)
