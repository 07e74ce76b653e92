"""Whether a member's own key said what a record says: the rules of a signed change.

Judged by the directory as it was just before the change, online by whoever records it and offline
by whoever verifies the record, with the same code. Invariant: a change that passes was signed under
a certificate in force, of an active system of the member that owns the object, by a key that the
bus doesn't hold; and it says exactly what was recorded.
"""

from collections.abc import Mapping
from typing import Any, Final

from registry.access import check_standing
from registry.certificates import Certificate
from registry.directory import Directory, DirectoryRecord
from registry.errors import SenderSuspended, SignedChangeInvalid
from registry.nouns import Noun
from signing.changes import VerifiedChange, verify_change
from signing.envelope import check_in_force
from signing.errors import CertificateExpired, CertificateRevoked, SigningError, UnsupportedVersion
from signing.identifiers import member_of
from signing.records import object_hash

OLD_MS_MAX: Final = 48 * 3_600_000  # as a message's id: time for a key that is kept offline
AHEAD_MS_MAX: Final = 300_000
OWNER_NAMED_BY: Final = {Noun.SYSTEM: "id", Noun.SCHEMA: "subject", Noun.SUBJECT: "subject"}
"""The member of an object that says whose it is; of other nouns ``system``."""
_MEMBER_SEGMENTS: Final = 3
_OF_THE_BUS: Final = frozenset({Noun.MEMBER, Noun.POLICY, Noun.BUS_KEY})


def owner_of(noun: Noun, members: Mapping[str, Any]) -> str:
    """Whose an object is: a system's identifier, or a schema's subject, which begins with one."""
    return str(members[OWNER_NAMED_BY.get(noun, "system")])


def check_signed_change(
    raw: str, fact: DirectoryRecord, directory: Directory, bus: str, at_ms: int
) -> VerifiedChange:
    """The member's statement that bears out ``fact``, made at ``at_ms``.

    ``directory`` is the one that the fact changes.

    Raises:
        SignedChangeInvalid: it is no statement, of another change, too old, or by a key that
            doesn't speak for the object's member.
        UnsupportedVersion: a statement of a later version than this reads.
    """
    try:
        verified = verify_change(raw.encode("ascii", "replace"), directory)
    except UnsupportedVersion:
        raise
    except SigningError as error:
        raise SignedChangeInvalid(f"The signed change does not hold: {error.detail}") from error
    said = verified.change
    if said.bus != bus or (said.noun, said.key) != (fact.noun, fact.key):
        raise SignedChangeInvalid("The signed change is about another object, or of another bus.")
    if said.before != fact.before:
        raise SignedChangeInvalid("The signed change begins from another state of the object.")
    if _hash_of(said.after) != _hash_of(fact.after):
        raise SignedChangeInvalid("The signed change says another object than the change makes.")
    if not at_ms - OLD_MS_MAX <= 1000 * verified.iat_s <= at_ms + AHEAD_MS_MAX:
        raise SignedChangeInvalid("The signed change is over 48 hours old, or from the future.")
    _check_signer(verified, fact, directory, at_ms)
    return verified


def _check_signer(
    verified: VerifiedChange, fact: DirectoryRecord, directory: Directory, at_ms: int
) -> None:
    system = verified.certificate.system
    if Noun(fact.noun) in _OF_THE_BUS:
        raise SignedChangeInvalid(f"A {fact.noun} is the operator's to change; no member signs it.")
    owner = owner_of(Noun(fact.noun), fact.after)
    if "/".join(owner.split("/")[:_MEMBER_SEGMENTS]) != member_of(system):
        raise SignedChangeInvalid(f"The signed change is by {system}, of another member.")
    held_by = directory.get(Noun.CERTIFICATE, verified.certificate.x5t)
    if not isinstance(held_by, Certificate) or held_by.custody != "member":
        raise SignedChangeInvalid("The bus itself holds the key that signed the change.")
    try:
        check_standing(directory, system)
        check_in_force(verified.certificate, at_ms)
    except (SenderSuspended, CertificateExpired, CertificateRevoked) as error:
        raise SignedChangeInvalid(f"The signed change: {error.detail}") from error


def _hash_of(value: Any) -> str:
    try:
        return object_hash(value)
    except ValueError as error:  # a number beyond 2^53
        raise SignedChangeInvalid("The signed change holds a number that JSON has not.") from error
