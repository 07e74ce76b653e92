"""One traffic log of a bundle: every leaf in its place, every act that was asked for, each checked.

The checks of a message are those of a folder's verification, on bytes that are already open.
Invariant: a leaf that the selection picks has its act here, or a finding.
"""

from dataclasses import dataclass

from registry.certificates import Certificate
from registry.directory import Directory
from registry.grants import Grant
from registry.nouns import Noun
from sealway.audit.chains import Chains
from sealway.audit.edges import Edge
from sealway.audit.layout import Act, Shown, Sort, frontier_name
from sealway.audit.payloads import Payloads
from sealway.audit.reading import BundleFiles
from sealway.audit.selection import Selection
from sealway.audit.spans import Span
from sealway.audit.verdicts import BundleReport
from sealway.verify.accesses import AccessList
from sealway.verify.bounds import VersionBounds
from sealway.verify.directory_log import DirectoryReader
from sealway.verify.envelopes import EnvelopeReader, OpenedEnvelope, Sealed
from sealway.verify.findings import Code
from sealway.verify.listing import ListedLog
from sealway.verify.pairing import Answering, Pairing, asked_by, collects
from sealway.verify.record_rows import RecordReader
from sealway.verify.scan import Step
from sealway.verify.standing import Standing
from sealway.verify.statements import MEMBER_SIGNED, OPERATOR_ASSERTED, Statements
from signing.encoding import b64url_decode, format_time
from signing.errors import FrameMalformed, PartMissing, ProofInvalid, SigningError
from signing.identifiers import message_id_bytes
from signing.log.leaf import TRAFFIC_KINDS, Leaf, parse_leaf
from signing.manifest import ANSWERS, KINDS, Manifest
from signing.message import Parts, check_parts, parse_frame


@dataclass(frozen=True, slots=True)
class Checks:
    """What all logs of one bundle are checked with."""

    files: BundleFiles
    selection: Selection
    report: BundleReport
    pairing: Pairing
    standing: Standing
    records: RecordReader
    envelopes: EnvelopeReader
    payloads: Payloads
    algorithms: frozenset[str]
    statements: Statements
    chains: Chains | None
    """None: the anchors name no authority that issues certificates."""
    last: Directory
    """The directory as the bundle's last leaf of log 0 leaves it."""
    step: Step
    accesses: AccessList | None = None
    """Told the names of messages."""


class BundleLog:
    """One log on its way through the checks."""

    def __init__(
        self, span: Span, listed: ListedLog, directories: DirectoryReader, checks: Checks
    ) -> None:
        self._span = span
        self._directories = directories
        self._checks = checks
        self._findings = checks.report.findings
        inside = [one for one in listed.anchors if span.first <= one.size <= span.end]
        self._anchors = {one.size: one for one in inside}
        anchors = [one for one in listed.anchors_for(span.end) if one.size >= span.first]
        self._bounds = VersionBounds(anchors, checks.last.version)
        self._last_ts_ms = 0
        self._last_reg = 0
        self._requests: set[bytes] = set()

    def read(self) -> None:
        """Go through the span. Raises BundleRefused where the bundle can't be read on."""
        span, files = self._span, self._checks.files
        frontier = (
            files.read(frontier_name(span.n)) if span.first and span.first < span.end else b""
        )
        if span.first == span.end:
            return
        edge = Edge(span.first, frontier, {span.first, span.end, *self._anchors})
        if not edge.is_whole or edge.roots[span.first] != span.first_root:
            text = "What stands for the leaves before the range is not what log 0 says."
            self._add(Code.RANGE_DIFFERS, text, span.first)
            return
        for index, shown, act in files.rows(span.n, span.first, span.end):
            edge.add(shown.hash)
            self._leaf(index, shown, act)
            self._checks.step(1)
        self._check_roots(edge)

    def _check_roots(self, edge: Edge) -> None:
        for size, anchor in self._anchors.items():
            if edge.roots.get(size) != anchor.root:
                text = f"The heads at index {anchor.index} of log 0 give another root here."
                self._add(Code.HEADS_DIFFER, text, size)
        if edge.roots.get(self._span.end) != self._span.end_root:
            text = "The leaves of the range are not those that the heads at its end count."
            self._add(Code.HEADS_DIFFER, text, self._span.end)

    # --- one leaf -----------------------------------------------------------------------------

    def _leaf(self, index: int, shown: Shown, act: Act | None) -> None:
        self._checks.report.leaves += 1
        if shown.raw is None:
            self._hidden(index, act)
            return
        leaf = self._parse(shown.raw, index)
        if leaf is None:
            return
        selection = self._checks.selection
        if not selection.shows(leaf):
            text = "The bundle shows a leaf of members that were not asked for."
            self._add(Code.ACT_UNEXPECTED, text, index)
        picked = selection.picks(leaf)
        if act is not None and not picked:
            self._add(Code.ACT_UNEXPECTED, "The bundle holds an act nobody asked for.", index)
        if act is None and picked:
            text = f"The {leaf.k} of this leaf was asked for, and is left out."
            self._add(Code.ACT_MISSING, text, index)
        if act is not None and act.sort is Sort.GONE:
            why = "".join(c for c in act.data.decode("ascii", "replace")[:40] if c.isprintable())
            self._add(Code.ACT_GONE, f"The bus says that it has it no more: {why}.", index)
            self._checks.report.doubt_purpose(selection)
            act = None
        self._judge(leaf, shown.hash, index, act)

    def _hidden(self, index: int, act: Act | None) -> None:
        self._checks.report.hidden += 1
        if self._checks.selection.form != "party":
            self._add(
                Code.LEAF_HIDDEN, "A full export shows every leaf; this one is a hash.", index
            )
        if act is not None:
            self._add(Code.ACT_UNEXPECTED, "An act stands for a leaf that is not shown.", index)

    def _parse(self, raw: bytes, index: int) -> Leaf | None:
        try:
            leaf = parse_leaf(raw)
        except ProofInvalid as error:
            self._add(Code.LEAF_MALFORMED, error.detail, index)
            return None
        if leaf.k not in TRAFFIC_KINDS:
            self._add(Code.LEAF_MISPLACED, f"A leaf of kind {leaf.k} belongs to log 0.", index)
            return None
        if leaf.ts_ms < self._last_ts_ms:
            self._add(Code.TIME_RUNS_BACK, "The leaf is older than the one before it.", index)
        if not self._bounds.is_timely(index, leaf.ts_ms):
            text = "The leaf's time lies outside of the heads around it."
            self._add(Code.TIME_OUTSIDE_HEADS, text, index)
        self._last_ts_ms = leaf.ts_ms
        lowest, highest = self._bounds.at(index)
        if not max(lowest, self._last_reg) <= leaf.reg <= highest:
            text = f"The leaf names directory version {leaf.reg}, which was not in force."
            self._add(Code.VERSION_WRONG, text, index)
        self._last_reg = max(self._last_reg, min(leaf.reg, self._checks.last.version))
        return leaf

    def _judge(self, leaf: Leaf, hash_: bytes, index: int, act: Act | None) -> None:
        directory = self._directories.at(self._last_reg)
        if leaf.k not in KINDS:
            answering = self._checks.pairing.answer(leaf, self._span.n, index)
            if act is not None:
                self._other(leaf, index, act, directory, answering)
            return
        grant = self._checks.standing.check(leaf, directory, self._span.n, index)
        answering = self._checks.pairing.answer(leaf, self._span.n, index)
        opened = None if act is None else self._message(leaf, index, act, directory, grant)
        if opened is not None and self._checks.accesses is not None:
            self._checks.accesses.name(hash_, opened.envelope.manifest.id)
        if leaf.k == "request":
            id_, digest = _named(opened)
            self._checks.pairing.ask(hash_, asked_by(leaf, self._span.n, index, id_, digest))
        elif leaf.k in ANSWERS and collects(directory, leaf.to):
            id_, digest = _named(opened)
            self._checks.pairing.box(hash_, asked_by(leaf, self._span.n, index, id_, digest))
        if opened is not None and answering is not None:
            self._checks.pairing.names(answering, self._checks.envelopes.about(opened))

    def _other(
        self, leaf: Leaf, index: int, act: Act, directory: Directory, answering: Answering | None
    ) -> None:
        """A refusal's envelope, or a record."""
        if act.sort is Sort.ENVELOPE and leaf.k == "refusal":
            self._checks.report.refusals += 1
            sealed = Sealed(b"", None, None, None, self._span.n, index)
            opened = self._checks.envelopes.verify(act.data, act.salt, sealed, leaf, directory)
            if opened is not None:
                id_ = message_id_bytes(opened.envelope.manifest.id)
                sealed = Sealed(id_, None, None, None, self._span.n, index)
                self._checks.envelopes.check_refusal(sealed, opened, leaf)
            return
        if act.sort is not Sort.RECORD:
            self._add(Code.ACT_UNEXPECTED, f"A {leaf.k} leaf stands for a record.", index)
            return
        verified = self._checks.records.check(leaf, act.data, act.salt, self._span.n, index)
        if verified is None:
            return
        self._checks.report.records += 1
        if answering is not None:
            try:
                named = bytes.fromhex(verified.record.key.replace("-", "")), ""
            except ValueError:
                named = b"", ""
            self._checks.pairing.names(answering, named)

    # --- one message --------------------------------------------------------------------------

    def _message(
        self, leaf: Leaf, index: int, act: Act, directory: Directory, grant: Grant | None
    ) -> OpenedEnvelope | None:
        raw, parts = act.data, None
        if act.sort is Sort.FRAME:
            try:
                raw, parts = parse_frame(act.data)
            except FrameMalformed as error:
                self._add(Code.PARTS_DIFFER, error.detail, index)
                return None
        elif act.sort is not Sort.ENVELOPE:
            self._add(Code.ACT_UNEXPECTED, f"A {leaf.k} leaf stands for an envelope.", index)
            return None
        place = Sealed(b"", None, None, None, self._span.n, index)
        opened = self._checks.envelopes.verify(raw, act.salt, place, leaf, directory)
        if opened is None:
            return None
        manifest = opened.envelope.manifest
        place = Sealed(message_id_bytes(manifest.id), None, None, None, self._span.n, index)
        digest = b64url_decode(opened.envelope.digest)
        self._checks.envelopes.check_message(place, opened, leaf, digest, grant)
        self._checks.report.messages += 1
        self._content(manifest, parts, directory, index)
        self._whose(opened, leaf, index, directory)
        return opened

    def _content(
        self, manifest: Manifest, parts: Parts | None, directory: Directory, index: int
    ) -> None:
        wanted = self._wants_content(manifest)
        if parts is None:
            if wanted and manifest.parts:
                text = "The parts were asked for and are not here: erased, or left out."
                self._add(Code.CONTENT_LEFT_OUT, text, index)
            return
        try:
            check_parts(manifest, parts)
        except (SigningError, PartMissing) as error:
            self._add(Code.PARTS_DIFFER, error.detail, index)
            return
        self._checks.payloads.check(manifest, parts, directory, self._span.n, index)

    def _wants_content(self, manifest: Manifest) -> bool:
        selection = self._checks.selection
        if not selection.purpose or not selection.content:
            return selection.content
        id_ = message_id_bytes(manifest.id)
        if manifest.purpose in selection.purpose:
            self._requests.add(id_)
            return True
        return manifest.about is not None and message_id_bytes(manifest.about.id) in self._requests

    def _whose(self, opened: OpenedEnvelope, leaf: Leaf, index: int, directory: Directory) -> None:
        report, envelope = self._checks.report, opened.envelope
        found = directory.get(Noun.CERTIFICATE, envelope.certificate.x5t)
        custody = found.custody if isinstance(found, Certificate) else "member"
        report.custody[custody] += 1
        report.signers[envelope.certificate.system, custody] += 1
        words = self._words(envelope.certificate.x5t, leaf)
        for what, word in words.items():
            report.rests_on[what][word] += 1
        standing = OPERATOR_ASSERTED if OPERATOR_ASSERTED in words.values() else MEMBER_SIGNED
        report.standing[standing] += 1
        if envelope.certificate.verifier.alg not in self._checks.algorithms:
            text = f"The anchors don't trust signatures by {envelope.certificate.verifier.alg}."
            self._add(Code.ALGORITHM_NOT_TRUSTED, text, index)
        if isinstance(found, Certificate):
            self._check_issued(found, leaf, index)
        self._dispute(envelope.certificate.x5t, leaf, index)
        manifest = envelope.manifest
        if self._checks.selection.purpose and not self._wants_content(manifest):
            return
        report.list_message(
            {
                "log": self._span.n,
                "index": index,
                "time": format_time(leaf.ts_ms),
                "kind": leaf.k,
                "id": manifest.id,
                "from": manifest.sender,
                "to": manifest.to,
                "service": manifest.service,
                "purpose": manifest.purpose,
                "grant": leaf.grant,
                "custody": custody,
                "standing": standing,
                "rests_on": words,
            }
        )

    def _words(self, x5t: str, leaf: Leaf) -> dict[str, str]:
        """Who asserted what the message rests on: its certificate, and a request's grant."""
        word, version = self._checks.statements.word, self._last_reg
        words = {"certificate": word(Noun.CERTIFICATE, x5t, version)}
        if leaf.grant is not None:
            words["grant"] = word(Noun.GRANT, leaf.grant, version)
        return words

    def _check_issued(self, certificate: Certificate, leaf: Leaf, index: int) -> None:
        chains = self._checks.chains
        if chains is None:
            return
        is_issued = chains.is_issued(certificate.x5t, certificate.parsed.der, leaf.ts_ms)
        self._checks.report.issued["issued" if is_issued else "not-issued"] += 1
        if not is_issued:
            text = f"No authority of the anchors issued the certificate of {certificate.system}."
            self._add(Code.CERTIFICATE_NOT_ISSUED, text, index)

    def _dispute(self, x5t: str, leaf: Leaf, index: int) -> None:
        """Something said later that the key was not its owner's any more, back then."""
        now = self._checks.last.get(Noun.CERTIFICATE, x5t)
        since_ms = now.invalid_from_ms if isinstance(now, Certificate) else None
        if since_ms is not None and since_ms <= leaf.ts_ms:
            text = (
                f"Its certificate was declared invalid from {format_time(since_ms)} on, after it"
                " was accepted. Whether its owner signed this is disputed."
            )
            self._add(Code.DISPUTED, text, index)

    def _add(self, code: Code, text: str, index: int) -> None:
        self._findings.add(code, text, self._span.n, index)


def _named(opened: OpenedEnvelope | None) -> tuple[bytes, bytes]:
    if opened is None:
        return b"", b""
    envelope = opened.envelope
    return message_id_bytes(envelope.manifest.id), b64url_decode(envelope.digest)
