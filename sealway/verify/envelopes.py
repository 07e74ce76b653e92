"""Stored messages and refusals, opened with the epoch keys and checked to the last byte.

Envelope: it opens, its leaf commits to it, its signature holds under the certificate that the
directory had in force at the leaf's version, and it tells the leaf's own story. Content: it
opens and is what the manifest commits to.
"""

from registry.directory import Directory
from registry.grants import Grant
from sealway.verify.findings import Code, Findings
from sealway.verify.opening import Opener
from sealway.verify.standing import CLOCK_SLACK_MS
from signing.at_rest import (
    SealedContent,
    SealedEnvelope,
    open_content,
    open_envelope,
)
from signing.encoding import b64url_encode
from signing.envelope import VerifiedEnvelope, check_in_force, verify_envelope
from signing.errors import (
    AlgorithmNotAllowed,
    CertificateExpired,
    CertificateRevoked,
    CertificateUnknown,
    CommitmentMismatch,
    PartMissing,
    SealwayError,
    SignatureInvalid,
    UnsupportedVersion,
)
from signing.identifiers import message_id_bytes
from signing.log.leaf import Leaf, commit_to
from signing.message import check_parts
from signing.values import value_type


@value_type
class Sealed:
    """An envelope as its row keeps it, with where its leaf stands."""

    id: bytes
    salt: object
    envelope: object
    key: object
    shard: int
    index: int


@value_type
class OpenedEnvelope:
    """An envelope whose leaf commits to it and whose signature holds."""

    envelope: VerifiedEnvelope
    salt: bytes


class EnvelopeReader:
    """Opens and checks; everything that is wrong is a finding."""

    def __init__(self, opener: Opener, bus: str, findings: Findings) -> None:
        self._opener = opener
        self._bus = bus
        self._findings = findings

    def read(self, sealed: Sealed, leaf: Leaf, directory: Directory) -> OpenedEnvelope | None:
        """The envelope of a leaf, opened and verified; None when it isn't, with a finding."""
        opened = self._open(sealed)
        if opened is None:
            return None
        return self.verify(*opened, sealed, leaf, directory)

    def verify(
        self, raw: bytes, salt: bytes, sealed: Sealed, leaf: Leaf, directory: Directory
    ) -> OpenedEnvelope | None:
        """The envelope of a leaf from its bytes, verified; None when it isn't, with a finding."""
        if commit_to(salt, raw) != leaf.env:
            text = "The envelope is not what its leaf commits to."
            self._add(Code.ENVELOPE_ALTERED, text, sealed)
            return None
        try:
            return OpenedEnvelope(verify_envelope(raw, directory), salt)
        except (SignatureInvalid, CertificateUnknown, AlgorithmNotAllowed) as error:
            self._add(Code.ENVELOPE_FORGED, error.detail, sealed)
        except UnsupportedVersion as error:
            self._add(Code.ENVELOPE_UNSUPPORTED, error.detail, sealed)
        except SealwayError as error:
            self._add(Code.ENVELOPE_MALFORMED, error.detail, sealed)
        return None

    def _open(self, sealed: Sealed) -> tuple[bytes, bytes] | None:
        if sealed.key is None:
            self._add(Code.ERASED, "The envelope was erased.", sealed)
            return None
        data, key, salt = sealed.envelope, sealed.key, sealed.salt
        if not (isinstance(data, bytes) and isinstance(key, bytes) and isinstance(salt, bytes)):
            self._add(Code.ROW_MALFORMED, "The envelope's columns are of other types.", sealed)
            return None
        text = "The stored envelope does not open: its bytes or its key were altered."
        stored, keys = SealedEnvelope(data, key, salt), self._opener.keys
        return self._opener.open(
            key,
            lambda: open_envelope(stored, sealed.id, keys),
            Code.ENVELOPE_UNOPENABLE,
            text,
            sealed.shard,
            sealed.index,
        )

    # --- a message's own story ----------------------------------------------------------------

    def check_message(
        self,
        sealed: Sealed,
        opened: OpenedEnvelope,
        leaf: Leaf,
        digest: bytes,
        grant: Grant | None,
    ) -> None:
        """Hold manifest, certificate, row and leaf of an accepted message against each other."""
        envelope = opened.envelope
        manifest, certificate = envelope.manifest, envelope.certificate
        try:
            check_in_force(certificate, max(certificate.not_before_ms, leaf.ts_ms - CLOCK_SLACK_MS))
            if certificate.not_before_ms > leaf.ts_ms:
                raise CertificateExpired("The certificate was not valid yet.")
        except (CertificateExpired, CertificateRevoked) as error:
            self._add(Code.CERTIFICATE_NOT_IN_FORCE, error.detail, sealed)
        said = (manifest.kind, manifest.sender, manifest.to, manifest.service, manifest.test)
        if said != (leaf.k, leaf.sender, leaf.to, leaf.svc, leaf.test):
            text = "The leaf names another kind, party, service or flag than the envelope."
            self._add(Code.STORY_DIFFERS, text, sealed)
        if manifest.sender != certificate.system or manifest.bus != self._bus:
            text = "The envelope is for another bus, or under another system's certificate."
            self._add(Code.STORY_DIFFERS, text, sealed)
        if message_id_bytes(manifest.id) != sealed.id or envelope.digest != b64url_encode(digest):
            self._add(Code.STORY_DIFFERS, "The row has another id or digest.", sealed)
        if grant is not None and grant.purposes and manifest.purpose not in grant.purposes:
            text = f"The grant '{grant.id}' does not cover this purpose."
            self._add(Code.GRANT_NOT_IN_FORCE, text, sealed)

    def about(self, opened: OpenedEnvelope) -> tuple[bytes, str] | None:
        """Id and digest of the request that an answer names."""
        about = opened.envelope.manifest.about
        return None if about is None else (message_id_bytes(about.id), about.digest)

    def check_refusal(self, sealed: Sealed, opened: OpenedEnvelope, leaf: Leaf) -> None:
        """A refusal's leaf names the sender who proved the key, and others only if registered."""
        manifest = opened.envelope.manifest
        said = (opened.envelope.certificate.system, manifest.test, message_id_bytes(manifest.id))
        named = leaf.to in (None, manifest.to) and leaf.svc in (None, manifest.service)
        if said != (leaf.sender, leaf.test, sealed.id) or not named:
            text = "The refusal's leaf names another sender, recipient or service."
            self._add(Code.STORY_DIFFERS, text, sealed)

    # --- content ------------------------------------------------------------------------------

    def check_content(
        self, sealed: Sealed, opened: OpenedEnvelope, content: object, key: object
    ) -> None:
        """Open the content and recompute every part's commitment."""
        if key is None or content is None:
            self._add(Code.ERASED, "The content was erased.", sealed)
            return
        if not (isinstance(content, bytes) and isinstance(key, bytes)):
            self._add(Code.ROW_MALFORMED, "The content's columns are of other types.", sealed)
            return
        manifest = opened.envelope.manifest
        sizes = [spec.size for spec in manifest.parts]
        text = "The stored content does not open, or is not as long as its manifest says."
        stored, keys = SealedContent(content, key), self._opener.keys
        parts = self._opener.open(
            key,
            lambda: open_content(stored, sizes, sealed.id, keys),
            Code.CONTENT_UNOPENABLE,
            text,
            sealed.shard,
            sealed.index,
        )
        if parts is None:
            return
        try:
            check_parts(manifest, parts)
        except (CommitmentMismatch, PartMissing) as error:
            self._add(Code.PARTS_DIFFER, error.detail, sealed)

    def _add(self, code: Code, text: str, sealed: Sealed) -> None:
        self._findings.add(code, text, sealed.shard, sealed.index)
