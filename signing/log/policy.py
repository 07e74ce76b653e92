"""Trust policies (C2SP tlog-policy): which logs, which witnesses, and how many must have cosigned.

Owns the file's syntax and the question whether a checkpoint's cosignatures are enough. Refuses to
judge how old they are. Only Ed25519 keys are read: a policy with others is not ours to apply.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from signing.errors import ProofInvalid
from signing.log.checkpoint import Checkpoint, verify_checkpoint
from signing.log.cosignature import CosignatureVerifier, parse_cosignature_key, verify_cosignature
from signing.log.note import NoteVerifier, note_signatures, parse_verifier_key

POLICY_BYTES_MAX: Final = 65_536
NAMES_MAX: Final = 256  # witnesses and groups together; the specification asks for 64
LOGS_MAX: Final = 64
NONE: Final = "none"
_OCTETS: Final = re.compile(rb"[\t\n\x20-\x7e\x80-\xff]*")
_SPACES: Final = re.compile(r"[ \t]+")
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,2}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Group:
    """Witnesses and groups of which ``least`` must have cosigned."""

    least: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TrustPolicy:
    """A policy, read. ``quorum`` names a witness or a group; None asks for no cosignature."""

    logs: Mapping[str, NoteVerifier]
    """By origin; one key each."""
    witnesses: Mapping[str, CosignatureVerifier]
    groups: Mapping[str, Group]
    quorum: str | None

    def is_met(self, cosigned: set[str]) -> bool:
        """Whether these witnesses, by their names in the policy, are enough."""
        return self.quorum is None or self._holds(self.quorum, cosigned)

    def _holds(self, name: str, cosigned: set[str]) -> bool:
        group = self.groups.get(name)
        if group is None:
            return name in cosigned
        return sum(self._holds(one, cosigned) for one in group.members) >= group.least


@dataclass(frozen=True, slots=True)
class Cosigned:
    """A checkpoint that a policy accepts, and when each known witness cosigned it."""

    checkpoint: Checkpoint
    times_s: Mapping[str, int]


def cosignature_times(note: str, witnesses: Mapping[str, CosignatureVerifier]) -> dict[str, int]:
    """When each of these witnesses cosigned a note, in seconds; those that didn't are left out.

    Raises:
        ProofInvalid: not a signed note, or a cosignature under a known key is false.
    """
    hashes = {(name, signature[:4]) for name, signature in note_signatures(note)}
    return {
        name: verify_cosignature(note, verifier)
        for name, verifier in witnesses.items()
        if (verifier.name, verifier.key_hash) in hashes
    }


def verify_cosigned(note: str, policy: TrustPolicy, origin: str) -> Cosigned:
    """The checkpoint in a note that a log of the policy signed and enough witnesses cosigned.

    Raises:
        ProofInvalid: another log's, not signed by its key, a false cosignature, or too few.
    """
    log = policy.logs.get(origin)
    if log is None:
        raise ProofInvalid("The policy does not know this log.")
    checkpoint = verify_checkpoint(note, log)
    times_s = cosignature_times(note, policy.witnesses)
    if not policy.is_met(set(times_s)):
        raise ProofInvalid("Too few of the policy's witnesses cosigned the checkpoint.")
    return Cosigned(checkpoint, times_s)


def parse_policy(data: bytes) -> TrustPolicy:
    """Read a policy file, strictly.

    Raises:
        ProofInvalid: too long, a line of no known form, a name or key twice, a name used before it
            is defined or in two groups, no quorum or two.
    """
    if len(data) > POLICY_BYTES_MAX or not _OCTETS.fullmatch(data):
        raise ProofInvalid("A policy is text of at most 64 KiB without control characters.")
    reader = _Reader()
    for number, line in enumerate(data.decode("latin-1").split("\n"), 1):
        words = _SPACES.split(line.strip(" \t"))
        if words[0] and not words[0].startswith("#"):
            try:
                reader.line([word.encode("latin-1").decode("utf-8") for word in words])
            except (ProofInvalid, UnicodeDecodeError) as error:
                detail = error.detail if isinstance(error, ProofInvalid) else "Not UTF-8."
                raise ProofInvalid(f"Line {number} of the policy: {detail}") from error
    if not reader.has_quorum:
        raise ProofInvalid("The policy has no quorum line.")
    return TrustPolicy(reader.logs, reader.witnesses, reader.groups, reader.quorum)


class _Reader:
    """A policy as far as it is read; a line refers to those before it."""

    def __init__(self) -> None:
        self.logs: dict[str, NoteVerifier] = {}
        self.witnesses: dict[str, CosignatureVerifier] = {}
        self.groups: dict[str, Group] = {}
        self.quorum: str | None = None
        self.has_quorum = False
        self._members: set[str] = set()
        self._keys: set[tuple[str, bytes]] = set()

    def line(self, words: Sequence[str]) -> None:
        """Take one line. Raises ProofInvalid."""
        match words:
            case ["log", key] | ["log", key, _]:
                self._log(parse_verifier_key(key))
            case ["witness", name, key] | ["witness", name, key, _]:
                self._define(name)
                self.witnesses[name] = verifier = parse_cosignature_key(key)
                self._once("witness", verifier.public_key)
            case ["group", name, least, *members] if members:
                self._group(name, least, members)
            case ["quorum", name]:
                self._quorum(name)
            case _:
                raise ProofInvalid("Expected log, witness, group or quorum, each in its form.")

    def _log(self, verifier: NoteVerifier) -> None:
        self._once("log", verifier.public_key)
        if verifier.name in self.logs or len(self.logs) >= LOGS_MAX:
            raise ProofInvalid("This log has a key already, or there are too many.")
        self.logs[verifier.name] = verifier

    def _once(self, sort: str, key: bytes) -> None:
        if (sort, key) in self._keys:
            raise ProofInvalid("The same key stands in the policy twice.")
        self._keys.add((sort, key))

    def _define(self, name: str) -> None:
        if name == NONE or self._is_known(name) or self._count >= NAMES_MAX:
            raise ProofInvalid("A name is defined once, is not 'none', and there are at most 256.")

    @property
    def _count(self) -> int:
        return len(self.witnesses) + len(self.groups)

    def _is_known(self, name: str) -> bool:
        return name in self.witnesses or name in self.groups

    def _group(self, name: str, least: str, members: Sequence[str]) -> None:
        self._define(name)
        count = {"any": 1, "all": len(members)}.get(least)
        if count is None and _NUMBER.fullmatch(least):
            count = int(least)
        if count is None or count > len(members):
            raise ProofInvalid("A group asks for all, any, or a number of at most its members.")
        for member in members:
            if not self._is_known(member) or member in self._members:
                raise ProofInvalid("A member is defined before, and stands in one group alone.")
            self._members.add(member)
        self.groups[name] = Group(count, tuple(members))

    def _quorum(self, name: str) -> None:
        if self.has_quorum or (name != NONE and not self._is_known(name)):
            raise ProofInvalid("There is one quorum, of a name that is defined before.")
        self.has_quorum, self.quorum = True, None if name == NONE else name
