"""Record rows: read, opened when they are sealed, and held against their leaf and signature.

The bus's record keys are learned from log 0: the first by its place there, a later one by a
record that an earlier one signed.
"""

from dataclasses import dataclass

from sealway.verify.findings import Code, Findings
from sealway.verify.opening import Opener
from signing.at_rest import SealedEnvelope, open_envelope
from signing.certificates import parse_certificate
from signing.encoding import b64url_decode
from signing.errors import CertificateUnknown, ManifestInvalid, SealwayError, SignatureInvalid
from signing.identifiers import SystemId
from signing.keys import KnownCertificate
from signing.log.leaf import BARE_KINDS, Leaf, commit_to
from signing.records import Record, VerifiedRecord, decode_record, verify_record

BUS_KEY_NOUN = "bus-key"
BUS_KEY_ADDED = "bus-key-added"
_BUS = SystemId("bus")


class RecordKeys:
    """The bus's record keys, as far as they are known; a `KeyResolver`."""

    def __init__(self) -> None:
        self._known: dict[str, KnownCertificate] = {}

    def resolve(self, x5t: str) -> KnownCertificate:
        """The record key of that thumbprint. Raises CertificateUnknown."""
        if x5t not in self._known:
            raise CertificateUnknown("It is signed by no record key of the bus.")
        return self._known[x5t]

    def add(self, record: Record) -> None:
        """Trust the key in a `bus-key-added` record. Raises SealwayError when it holds none."""
        after = record.after
        if not isinstance(after, dict) or not isinstance(after.get("certificate"), str):
            raise ManifestInvalid("The record of a bus key holds no certificate.")
        parsed = parse_certificate(b64url_decode(after["certificate"]))
        if record.key != parsed.x5t:
            raise ManifestInvalid("The record of a bus key names another key than it holds.")
        self._known[parsed.x5t] = KnownCertificate(
            parsed.x5t, _BUS, parsed.verifier, parsed.not_before_ms, parsed.not_after_ms
        )

    def add_first(self, raw: bytes) -> None:
        """Trust the key of log 0's first leaf: its place is what makes it valid.

        Raises:
            SealwayError: the record adds no key.
        """
        record = decode_record(raw)
        if (record.act, record.noun) != (BUS_KEY_ADDED, BUS_KEY_NOUN):
            raise ManifestInvalid("Log 0 does not begin with the bus's record key.")
        self.add(record)


@dataclass(frozen=True, slots=True)
class RecordReader:
    """Checks record rows against leaves; with epoch keys also the sealed ones."""

    keys: RecordKeys
    opener: Opener | None
    findings: Findings
    are_open: bool = False
    """Whether no record is sealed, as in a bundle."""

    def read(
        self, leaf: Leaf, row: tuple[object, ...], shard: int, index: int
    ) -> VerifiedRecord | None:
        """The record of a leaf, verified; None when it isn't, with a finding.

        ``row`` is (bytes, leaf salt, key).
        """
        opened = self._open(leaf, row, shard, index)
        if opened is None:
            return None
        return self.check(leaf, *opened, shard, index)

    def check(
        self, leaf: Leaf, raw: bytes, salt: bytes, shard: int, index: int
    ) -> VerifiedRecord | None:
        """The record of a leaf from its bytes, verified; None when it isn't, with a finding."""
        if commit_to(salt, raw) != leaf.env:
            self.findings.add(
                Code.RECORD_ALTERED, "The record is not what its leaf commits to.", shard, index
            )
            return None
        return self._verified(leaf, raw, shard, index)

    def _open(
        self, leaf: Leaf, row: tuple[object, ...], shard: int, index: int
    ) -> tuple[bytes, bytes] | None:
        data, salt, key = row
        add = self.findings.add
        if type(data) is not bytes or type(salt) is not bytes or type(key) not in (bytes, _NONE):
            add(Code.ROW_MALFORMED, "A record's columns are of other types.", shard, index)
            return None
        if key is None and (self.are_open or leaf.k in BARE_KINDS):
            return data, salt
        if not isinstance(key, bytes):
            add(Code.ERASED, "The record was erased.", shard, index)
            return None
        if self.opener is None:
            add(Code.ENVELOPES_NOT_READABLE, "", shard, index)
            return None
        sealed, keys = SealedEnvelope(data, key, salt), self.opener.keys
        return self.opener.open(
            key,
            lambda: open_envelope(sealed, nonce_of(leaf), keys),
            Code.RECORD_ALTERED,
            "The stored record does not open.",
            shard,
            index,
        )

    def _verified(self, leaf: Leaf, raw: bytes, shard: int, index: int) -> VerifiedRecord | None:
        add = self.findings.add
        try:
            if shard == 0 and index == 0:
                self.keys.add_first(raw)
            verified = verify_record(raw, self.keys)
        except (SignatureInvalid, CertificateUnknown) as error:
            add(Code.RECORD_FORGED, error.detail, shard, index)
            return None
        except SealwayError as error:
            add(Code.RECORD_MALFORMED, error.detail, shard, index)
            return None
        if verified.record.k != leaf.k:
            text = f"The record is of kind {verified.record.k}, its leaf of kind {leaf.k}."
            add(Code.RECORD_DIFFERS, text, shard, index)
            return None
        return verified


_NONE = type(None)
_NONCE = b'"n":"'


def nonce_of(leaf: Leaf) -> bytes:
    """The 16 bytes that a sealed record is bound to: its leaf's ``n``."""
    start = leaf.raw.index(_NONCE) + len(_NONCE)
    return b64url_decode(leaf.raw[start : start + 22])
