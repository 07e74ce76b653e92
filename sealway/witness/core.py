"""The rule of witnessing: a checkpoint is cosigned only when it extends what was cosigned last.

Owns the order (verify, compare, prove, keep on disk, release) and the answers of
``add-checkpoint``. Refuses to do input or output but the state's.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sealway.witness.errors import LogForked, OldSizeDiffers, RequestMalformed
from sealway.witness.request import parse_request
from sealway.witness.state import Cosigned, WitnessState
from signing.encoding import b64_encode
from signing.errors import ProofInvalid
from signing.log.checkpoint import Checkpoint, parse_checkpoint, verify_checkpoint
from signing.log.cosignature import Cosigner
from signing.log.merkle import EMPTY_ROOT, verify_consistency
from signing.log.note import NOTE_BYTES_MAX, NoteVerifier, note_signatures, note_text

PLAIN: Final = "text/plain; charset=utf-8"
SIZE_TYPE: Final = "text/x.tlog.size"


@dataclass(frozen=True, slots=True)
class Answer:
    """What ``add-checkpoint`` answers."""

    status: int
    body: str
    media_type: str = PLAIN


class Witness:
    """One witness: its key, the logs it knows, its state."""

    def __init__(
        self,
        cosigner: Cosigner,
        logs: Mapping[str, NoteVerifier],
        state: WitnessState,
        now_s: Callable[[], int],
    ) -> None:
        """``logs`` are the pinned keys by origin; ``now_s`` gives seconds since 1970."""
        self._cosigner = cosigner
        self.logs = logs
        self.state = state
        self._now_s = now_s

    def latest(self, origin: str) -> Cosigned | None:
        """What was cosigned last of a log that this witness knows."""
        return self.state.latest(self.logs[origin])

    def add_checkpoint(self, body: bytes) -> Answer:
        """Answer one ``add-checkpoint`` call. The cosignature is on disk before it is returned.

        Raises:
            WitnessUnusable: the state can't be read or written; nothing was cosigned.
        """
        try:
            asked = parse_request(body)
            claimed = parse_checkpoint(note_text(asked.note))
            note_signatures(asked.note)
        except (RequestMalformed, ProofInvalid) as error:
            return Answer(400, f"{error.detail}\n")
        log = self.logs.get(claimed.origin)
        if log is None:
            return Answer(404, "This witness doesn't know the log.\n")
        try:
            verify_checkpoint(asked.note, log)
        except ProofInvalid as error:
            return Answer(403, f"{error.detail}\n")
        if asked.old_size > claimed.size:
            return Answer(400, "The old size is beyond the checkpoint's.\n")
        try:
            _, line = self.advance(log, asked.old_size, asked.proof, asked.note)
        except (OldSizeDiffers, LogForked) as error:
            return Answer(409, f"{error.size}\n", SIZE_TYPE)
        except ProofInvalid as error:
            return Answer(422, f"{error.detail}\n")
        return Answer(200, line)

    def advance(
        self, log: NoteVerifier, old_size: int, proof: Sequence[bytes], note: str
    ) -> tuple[Cosigned, str]:
        """Cosign a checkpoint that ``proof`` shows to extend the last one, of ``old_size``.

        Comparing and keeping are one step under the state's lock. A checkpoint that was cosigned
        already is cosigned again with a new time.

        Returns the note with the log's signature and ours, and our signature's line.

        Raises:
            OldSizeDiffers: ``old_size`` is not the last one's; nothing changed.
            LogForked: another tree of that size was cosigned; the note is kept as evidence.
            ProofInvalid: not signed by the log, or the proof doesn't hold; nothing changed.
            WitnessUnusable: the state can't be read or written; nothing was cosigned.
        """
        checkpoint = verify_checkpoint(note, log)
        with self.state.locked():
            last = self.state.latest(log)
            old = last.checkpoint if last else Checkpoint(log.name, 0, EMPTY_ROOT)
            if old.size != old_size:
                raise OldSizeDiffers(old.size)
            if old.size == checkpoint.size and old.root != checkpoint.root:
                self.state.keep_evidence(_signed_by(log, note))
                raise LogForked(old.size)
            _check_extends(old, checkpoint, proof)
            time_s = self._now_s()
            if last is not None and _is_again(last, checkpoint, note, time_s):
                return last, last.note.splitlines(keepends=True)[-1]
            line = self._cosigner.cosign(note, time_s)
            cosigned = _signed_by(log, note) + line
            if len(cosigned) > NOTE_BYTES_MAX:  # it could not be read back
                raise ProofInvalid("The checkpoint is too long for one more signature.")
            self.state.keep(log.name, cosigned)
        return Cosigned(checkpoint, cosigned, time_s), line


def _is_again(last: Cosigned, checkpoint: Checkpoint, note: str, time_s: int) -> bool:
    """Whether this very second's cosignature is there already: a repeat costs no disk flush."""
    is_same = last.checkpoint == checkpoint and note_text(last.note) == note_text(note)
    return is_same and last.time_s == time_s


def _check_extends(old: Checkpoint, new: Checkpoint, proof: Sequence[bytes]) -> None:
    if old.size > 0:
        verify_consistency(old.size, old.root, new.size, new.root, proof)
    elif proof:
        raise ProofInvalid("The proof from the empty tree is empty.")


def _signed_by(log: NoteVerifier, note: str) -> str:
    """The note with the log's own signature alone: others' are not ours to keep."""
    for name, signature in note_signatures(note):
        if name == log.name and signature[:4] == log.key_hash:
            return f"{note_text(note)}\n— {name} {b64_encode(signature)}\n"
    raise AssertionError("the note was verified")
