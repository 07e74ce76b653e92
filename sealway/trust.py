"""What is believed, and on whose word: certificates and log keys, from the pinned key of log 0.

Owns the way from the pinned key to every other (one key; two and more once log 0 was succeeded,
each for the records of its own log): a `trust` record proven in log 0 says whose a
certificate is, a `shard` record proven there says a shard's key. Refuses anything else the bus
says about keys. Standing *now* (a revocation after what we hold) stays the bus's word until the
auditor's tools look. Pure but for its bounded memory: what is missing is asked for in steps.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sealway.errors import ProfileInvalid, ProofFailed
from sealway.pinned import Pinned, succession
from sealway.profile import Profile
from sealway.steps import Call, Steps, fetch, object_of
from signing.certificates import parse_certificate, thumbprint
from signing.encoding import b64url_decode
from signing.errors import CertificateUnknown, SealwayError
from signing.identifiers import parse_system_id
from signing.keys import KnownCertificate, Thumbprint
from signing.log.note import NoteVerifier, parse_verifier_key
from signing.receipts import VerifiedReceipt, parse_receipt, verify_receipt
from signing.records import Record, decode_record

CERTIFICATES_MAX: Final = 4096  # a country has some thousand systems; 2 kB each
SHARDS_MAX: Final = 1024  # a bus opens 16, and one more when a process needs it


@dataclass(frozen=True, slots=True)
class ProvenCertificate:
    """A certificate as log 0 tells it, at the directory version of its last record.

    `custody` is `bus` when the operator holds the key. A revocation counts for messages whose
    checks used a directory version from `revoked_at_version` on.
    """

    known: KnownCertificate
    custody: str
    revoked_at_version: int | None = None

    def resolve(self, x5t: Thumbprint) -> KnownCertificate:
        """The certificate, if this is the one asked for. Raises CertificateUnknown."""
        if x5t != self.known.x5t:
            raise CertificateUnknown("The envelope names another certificate.")
        return self.known


class Trust:
    """The keys proven so far on one bus."""

    def __init__(self, bus: str, *log_keys: str) -> None:
        self._pinned = Pinned.parse(bus, log_keys)
        self._bus = bus
        self._certificates: OrderedDict[str, ProvenCertificate] = OrderedDict()
        self._shards: OrderedDict[str, NoteVerifier] = OrderedDict()

    @classmethod
    def of(cls, profile: Profile) -> Trust:
        """What a profile pins. Raises ProfileInvalid when it pins nothing usable."""
        if not profile.log_keys:
            raise ProfileInvalid(
                f"Profile {profile.name!r} pins no log_key; nothing can be proven without it."
            )
        return cls(profile.bus, *profile.log_keys)

    def certificate(self, x5t: Thumbprint) -> Steps[ProvenCertificate]:
        """The certificate of that thumbprint, asked for once and remembered.

        Raises:
            ProofFailed: what the bus says of it is not proven.
            Refused, BusUnavailable: it said nothing.
        """
        found = self._certificates.get(x5t)
        if found is None:
            reply = yield from fetch(Call("GET", f"/v1/certificates/{x5t}"))
            found = check_certificate(self._pinned, x5t, object_of(reply))
            _remember(self._certificates, x5t, found, CERTIFICATES_MAX)
        return found

    def log_key(self, origin: str) -> Steps[NoteVerifier]:
        """The key of the log with that origin, asked for once and remembered.

        Raises:
            ProofFailed: not a log of this bus, not opened in log 0, or an unpinned log 0.
            Refused, BusUnavailable: the bus said nothing.
        """
        if succession(self._bus, origin) is not None:
            return self._pinned.of(origin)
        match = re.fullmatch(re.escape(self._bus) + r"/log/([1-9][0-9]{0,9})", origin)
        if match is None:
            raise ProofFailed("The receipt names a log that is not of this bus.")
        found = self._shards.get(origin)
        if found is None:
            number = int(match[1])
            reply = yield from fetch(Call("GET", f"/v1/logs/{number}"))
            found = check_shard(self._pinned, number, origin, object_of(reply))
            _remember(self._shards, origin, found, SHARDS_MAX)
        return found


def check_certificate(
    pinned: Pinned, x5t: Thumbprint, members: Mapping[str, Any]
) -> ProvenCertificate:
    """Whose certificate this is, from `GET /v1/certificates/{x5t}`.

    Raises:
        ProofFailed: the record is not proven in log 0, or is about something else.
    """
    try:
        record, receipt = _proven(pinned, members, "trust")
        after = record.after
        if (record.noun, record.key) != ("certificate", x5t) or not isinstance(after, Mapping):
            raise ProofFailed("The record that came is not about this certificate.")
        der = b64url_decode(_text(after, "certificate"))
        if thumbprint(der) != x5t:
            raise ProofFailed("The record holds another certificate than the one asked for.")
        parsed = parse_certificate(der)
        system = parse_system_id(_text(after, "system"))
        revoked = _text(after, "state") != "active"
    except ProofFailed:
        raise
    except SealwayError as error:
        raise ProofFailed(f"A certificate is not proven: {error.detail}") from error
    known = KnownCertificate(
        x5t, system, parsed.verifier, parsed.not_before_ms, parsed.not_after_ms
    )
    version = receipt.leaf.reg if revoked else None
    return ProvenCertificate(known, _text(after, "custody"), version)


def check_shard(
    pinned: Pinned, number: int, origin: str, members: Mapping[str, Any]
) -> NoteVerifier:
    """A shard's key, from `GET /v1/logs/{n}`.

    Raises:
        ProofFailed: the record is not proven in log 0, or is about something else.
    """
    try:
        record, _ = _proven(pinned, members, "shard")
        after = record.after
        if not isinstance(after, Mapping):
            raise ProofFailed("The record that came does not describe a log.")
        if after.get("n") != number or after.get("origin") != origin:
            raise ProofFailed("The record that came is about another log.")
        verifier = parse_verifier_key(_text(after, "key"))
    except ProofFailed:
        raise
    except SealwayError as error:
        raise ProofFailed(f"A log's key is not proven: {error.detail}") from error
    if verifier.name != origin:
        raise ProofFailed("The log's key was made for another log.")
    return verifier


def _proven(
    pinned: Pinned, members: Mapping[str, Any], kind: str
) -> tuple[Record, VerifiedReceipt]:
    """The record in a reply, proven by its place in log 0 under the key pinned for that log.

    That place is what makes it valid: only the bus appends to log 0, and it checked the record
    key's signature there; the auditor's verifier checks it again from leaf 0 on.
    """
    raw = _text(members, "record").encode("utf-8")
    text = _text(members, "receipt")
    receipt = verify_receipt(text, raw, pinned.of(parse_receipt(text).origin))
    record = decode_record(raw)
    if receipt.leaf.k != kind or record.k != kind:
        raise ProofFailed(f"The record that came is not a {kind} record.")
    return record, receipt


def _text(members: Mapping[str, Any], name: str) -> str:
    value = members.get(name)
    if not isinstance(value, str):
        raise ProofFailed(f"The bus's reply lacks {name!r}.")
    return value


def _remember(memory: OrderedDict[str, Any], key: str, value: Any, entries_max: int) -> None:
    memory[key] = value
    while len(memory) > entries_max:
        memory.popitem(last=False)
