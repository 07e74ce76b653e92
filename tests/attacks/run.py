"""`make attacks`: each attack edits a copy from outside, then asks the command line.

Every attack has one verdict, one exit code and the finding that must be named. Prints a line for
each, and at the end `attacks: N made, N found, 0 wrong verdict`; exits 0 only if it says so.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ed25519

from sealway.cli.main import main as command_line
from signing.certificates import der_to_pem, issue_self_signed
from signing.keys import generate_key, private_key_pem
from signing.log.cosignature import Cosigner
from signing.timestamps import timestamp_request
from tests.attacks import deeds, on_bundles, on_folders
from tests.support.evidence import make_case
from tests.support.recorded_bus import (
    BUS,
    RecordedBus,
    certificate_of,
    exchange_one,
    now_ms,
    record_bus,
    start,
)
from tests.support.time_stamps import Authority

PROVEN, FALSE, INCOMPLETE = 0, 1, 2
EXCHANGES = 100


@dataclass(frozen=True)
class Attack:
    """One attack: what it does, and what must be said about it."""

    name: str
    on: str
    """`folder`, `bundle`, `deed` or a name of its own."""
    make: Callable[..., Any]
    exit: int = FALSE
    code: str | None = None
    """The finding that must be named; None: none at all."""
    says: str = ""
    """What the verdict on a bundle must say besides, of one of its messages."""


def _name(make: Callable[..., Any]) -> str:
    return make.__name__.replace("_", " ")


def folder(make: Callable[[Path], None], code: str, exit_: int = FALSE) -> Attack:
    return Attack(f"folder: {_name(make)}", "folder", make, exit_, code)


def bundle(make: Callable[[Path], None], code: str | None, exit_: int = FALSE) -> Attack:
    return Attack(f"bundle: {_name(make)}", "bundle", make, exit_, code)


def deed(make: deeds.Deed, code: str | None, exit_: int = FALSE, says: str = "") -> Attack:
    return Attack(f"deed: {_name(make)}", "deed", make, exit_, code, says)


FOLDERS = (
    folder(on_folders.flipped_envelope, "envelope-unopenable"),
    folder(on_folders.flipped_part, "content-unopenable"),
    folder(on_folders.flipped_leaf, "checkpoint-differs"),
    folder(on_folders.flipped_record, "record-altered"),
    folder(on_folders.flipped_tile, "tile-altered"),
    folder(on_folders.flipped_root, "head-differs"),
    folder(on_folders.deleted_row, "row-missing"),
    folder(on_folders.deleted_leaf, "log-truncated"),
    folder(on_folders.swapped_leaves, "checkpoint-differs"),
    folder(on_folders.truncated_tail, "log-truncated"),
    folder(on_folders.rewritten_log, "heads-differ"),
    folder(on_folders.rewritten_log_zero, "version-wrong"),
    folder(on_folders.rolled_back, "log-truncated"),
    folder(on_folders.secret_shard, "log-unlisted"),
    folder(on_folders.another_key, "log-key-other"),
    folder(on_folders.forged_grant_row, "directory-object-differs"),
    folder(on_folders.moved_row, "leaf-moved"),
)
BUNDLES = (
    bundle(on_bundles.flipped_byte, "bundle-malformed"),
    bundle(on_bundles.flipped_entry_bundle, "bundle-file-differs"),
    bundle(on_bundles.flipped_record, "bundle-file-differs"),
    bundle(on_bundles.flipped_record_signed, "record-altered"),
    bundle(on_bundles.flipped_envelope, "envelope-altered"),
    bundle(on_bundles.flipped_leaf_signed, "heads-differ"),
    bundle(on_bundles.flipped_part, "parts-differ"),
    bundle(on_bundles.left_out, "act-missing"),
    bundle(on_bundles.access_left_out, "act-missing"),
    bundle(on_bundles.access_by_another, "record-altered"),
    bundle(on_bundles.access_said_to_be_gone, "act-gone", INCOMPLETE),
    bundle(on_bundles.said_to_be_gone, "act-gone", INCOMPLETE),
    bundle(on_bundles.leaf_hidden, "leaf-hidden"),
    bundle(on_bundles.leaf_removed, "bundle-malformed"),
    bundle(on_bundles.leaves_swapped, "heads-differ"),
    bundle(on_bundles.parts_swapped, "envelope-altered"),
    bundle(on_bundles.shard_left_out, "range-differs"),
    bundle(on_bundles.narrower_selection, "act-unexpected"),
    bundle(on_bundles.more_than_asked, "bundle-file-unexpected"),
    bundle(on_bundles.inventory_by_nobody, "inventory-forged"),
    bundle(on_bundles.tail_cut, "range-differs"),
    bundle(on_bundles.climbing_path, "bundle-malformed"),
    bundle(on_bundles.absolute_path, "bundle-malformed"),
    bundle(on_bundles.link, "bundle-malformed"),
    bundle(on_bundles.duplicate, "bundle-malformed"),
    bundle(on_bundles.bomb, "bundle-malformed"),
    bundle(on_bundles.other_method, "bundle-malformed"),
    bundle(on_bundles.overlap, "bundle-malformed"),
    bundle(on_bundles.gap, "bundle-malformed"),
    bundle(on_bundles.cut_short, "bundle-malformed"),
    bundle(on_bundles.repacked, None, PROVEN),
)
DEEDS = (
    deed(deeds.revoked_before, "certificate-not-in-force"),
    deed(deeds.revoked_between, None, PROVEN),
    deed(deeds.revoked_after, None, PROVEN),
    deed(deeds.back_dated_invalidity, "disputed", INCOMPLETE),
    deed(deeds.forged_grant, None, PROVEN, '"grant": "operator-asserted"'),
    deed(deeds.forged_certificate, None, PROVEN, '"certificate": "operator-asserted"'),
    deed(deeds.signed_grant, None, PROVEN, '"grant": "member-signed"'),
    deed(deeds.forged_signed_change, "signed-change-forged"),
    deed(deeds.signed_change_of_another, "signed-change-forged"),
    deed(deeds.no_grant, "grant-not-in-force"),
    deed(deeds.wrong_pairing, "answer-differs"),
    deed(deeds.dated_outside, "time-outside-heads"),
    deed(deeds.bad_payload, "payload-invalid"),
    deed(deeds.high_s, None, PROVEN),
    deed(deeds.signed_again, None, PROVEN),
    deed(deeds.bearer_as_envelope, "envelope-malformed"),
    deed(deeds.envelope_as_bearer, None, PROVEN),
    deed(deeds.envelope_as_signed_change, "signed-change-forged"),
    deed(deeds.sandbox_envelope, "story-differs"),
)


def invented(ground: Ground, work: Path) -> list[str]:
    """A bundle with roots of its own: everything in it fits together."""
    other = deeds.live(work / "invented", deeds.high_s)
    return ["audit", "verify", str(other.folder / "case.zip"), "--anchors", str(ground.anchors)]


def no_anchors(ground: Ground, work: Path) -> list[str]:
    return ["audit", "verify", str(ground.case)]


def _witness(ground: Ground, work: Path, quorum: int = 1) -> tuple[Cosigner, Path]:
    cosigner = Cosigner("witness.example/w1", ed25519.Ed25519PrivateKey.generate())
    text = ground.anchors.read_text()
    keys = f'\n[witnesses]\nquorum = {quorum}\nkeys = ["{cosigner.verifier}"]\n'
    (work / "witnessed.toml").write_text(text + keys)
    return cosigner, work / "witnessed.toml"


def _cosigned(ground: Ground, case: Path, cosigner: Cosigner, work: Path) -> Path:
    note = on_bundles.unpack(case)["log/0/checkpoint"].decode()
    (work / "cosigned.txt").write_text(note + cosigner.cosign(note, now_ms() // 1000))
    return work / "cosigned.txt"


def witnessed(ground: Ground, work: Path) -> list[str]:
    cosigner, anchors = _witness(ground, work)
    seen = _cosigned(ground, ground.case, cosigner, work)
    words = ["audit", "verify", str(ground.case), "--anchors", str(anchors)]
    return [*words, "--cosigned", str(seen)]


def not_witnessed(ground: Ground, work: Path) -> list[str]:
    _, anchors = _witness(ground, work)
    return ["audit", "verify", str(ground.case), "--anchors", str(anchors)]


def fork(ground: Ground, work: Path) -> list[str]:
    """The auditor is given another log 0 than the witness saw, of one size, under one key."""
    cosigner, anchors = _witness(ground, work)
    seen = _cosigned(ground, ground.case, cosigner, work)
    case = ground.copy_of_case(work)
    on_bundles.forked_zero(case)
    return ["audit", "verify", str(case), "--anchors", str(anchors), "--cosigned", str(seen)]


def forged_cosignature(ground: Ground, work: Path) -> list[str]:
    cosigner, anchors = _witness(ground, work)
    seen = _cosigned(ground, ground.case, cosigner, work)
    stranger = Cosigner("witness.example/w1", ed25519.Ed25519PrivateKey.generate())
    stranger.verifier = cosigner.verifier
    seen = _cosigned(ground, ground.case, stranger, work)
    words = ["audit", "verify", str(ground.case), "--anchors", str(anchors)]
    return [*words, "--cosigned", str(seen)]


def _stamped(ground: Ground, work: Path, trusted: Authority, asked: Authority, text: str) -> Path:
    """The bundle with a time-stamp of its checkpoint, and anchors that trust an authority."""
    case = ground.copy_of_case(work)
    files = on_bundles.unpack(case)
    note = files["log/0/checkpoint"]
    size = int(note.split(b"\n")[1])
    stamped = (text or note.decode().partition("\n\n")[0] + "\n").encode()
    token = asked.answer(timestamp_request(stamped).body)
    files |= {f"anchors/{size:012d}.note": note, f"anchors/{size:012d}.tsr": token}
    on_bundles.sign(case, files)
    roots = json.dumps([trusted.root_pem.decode()])
    anchors = ground.anchors.read_text() + f"\n[timestamps]\nroots = {roots}\n"
    (work / "stamped.toml").write_text(anchors)
    return case


def time_stamped(ground: Ground, work: Path) -> list[str]:
    authority = Authority()
    case = _stamped(ground, work, authority, authority, "")
    return ["audit", "verify", str(case), "--anchors", str(work / "stamped.toml")]


def wrong_authority(ground: Ground, work: Path) -> list[str]:
    case = _stamped(ground, work, Authority(), Authority(), "")
    return ["audit", "verify", str(case), "--anchors", str(work / "stamped.toml")]


def stamp_of_other_data(ground: Ground, work: Path) -> list[str]:
    authority = Authority()
    case = _stamped(ground, work, authority, authority, "something else\n")
    return ["audit", "verify", str(case), "--anchors", str(work / "stamped.toml")]


def stamp_signed_by_another(ground: Ground, work: Path) -> list[str]:
    """The trusted authority's certificate is shown; its key signed something else."""
    authority = Authority()
    case = _stamped(ground, work, authority, authority, "")
    on_bundles.broken_stamp(case)
    return ["audit", "verify", str(case), "--anchors", str(work / "stamped.toml")]


def stamp_left_out(ground: Ground, work: Path) -> list[str]:
    """The anchors ask for a time-stamp, and the bundle brings none."""
    _stamped(ground, work, Authority(), Authority(), "")
    return ["audit", "verify", str(ground.case), "--anchors", str(work / "stamped.toml")]


def forged_certificate(ground: Ground, work: Path) -> list[str]:
    """The same to an auditor who knows who issues members' certificates."""
    made = deeds.live(work / "forged", deeds.forged_certificate)
    pems = [der_to_pem(certificate_of(one.x5t)).decode() for one in made.signers.values()]
    text = f'bus = "{BUS}"\nlog_keys = ["{made.log_key}"]\n'
    issuers = f"[certificates]\nroots = {json.dumps(pems)}\n"
    (work / "issuers.toml").write_text(text + issuers)
    case = str(made.folder / "case.zip")
    return ["audit", "verify", case, "--anchors", str(work / "issuers.toml")]


def report_edited(ground: Ground, work: Path) -> list[str]:
    key = generate_key()
    der = issue_self_signed(key, "auditor", now_ms() - 1000, now_ms() + 86_400_000)
    (work / "auditor.pem").write_bytes(private_key_pem(key))
    (work / "auditor.crt").write_bytes(der_to_pem(der))
    words = ["audit", "report", str(ground.case), "--anchors", str(ground.anchors)]
    words += ["--out", str(work / "report"), "--certificate", str(work / "auditor.crt")]
    assert ground.run([*words, "--key", str(work / "auditor.pem")])[0] == PROVEN
    assert ground.run([*words, "--check"])[0] == PROVEN, "an honest report must hold"
    on_bundles.edited_report(work / "report")
    return [*words, "--check"]


OTHERS = (
    Attack("invented bundle", "words", invented, FALSE, "checkpoint-forged"),
    Attack("no anchors", "words", no_anchors, INCOMPLETE, "not-anchored"),
    Attack("a witness's cosignature", "words", witnessed, PROVEN),
    Attack("too few witnesses", "words", not_witnessed, INCOMPLETE, "not-witnessed"),
    Attack("an authority's time-stamp", "words", time_stamped, PROVEN),
    Attack("wrong authority", "words", wrong_authority, INCOMPLETE, "timestamp-not-trusted"),
    Attack("a stamp of other data", "words", stamp_of_other_data, FALSE, "timestamp-forged"),
    Attack("a stamp by another", "words", stamp_signed_by_another, FALSE, "timestamp-forged"),
    Attack("no stamp", "words", stamp_left_out, INCOMPLETE, "not-stamped"),
    Attack(
        "forged certificate, authorities known",
        "words",
        forged_certificate,
        INCOMPLETE,
        "certificate-not-issued",
    ),
    Attack("fork", "words", fork, FALSE, "log-forked"),
    Attack("forged cosignature", "words", forged_cosignature, FALSE, "cosignature-forged"),
    Attack("report edited after signing", "words", report_edited, FALSE, None),
)
ALL = (*FOLDERS, *BUNDLES, *DEEDS, *OTHERS)
QUICK = (
    "folder: deleted leaf", "folder: rewritten log", "folder: secret shard", "bundle: left out",
    "bundle: leaf hidden", "bundle: overlap", "deed: wrong pairing", "invented bundle", "fork",
    "report edited after signing",
)  # fmt: skip


class Ground:
    """What all attacks are made on: one bus that has lived, its bundle, an auditor's anchors."""

    def __init__(self, folder: Path, *, apart: bool) -> None:
        self.folder = folder
        self._apart = apart
        self.made = record_bus(folder / "bus", EXCHANGES)
        shutil.copyfile(self.made.data / "sealway.db", folder / "older.db")
        asyncio.run(_go_on(self.made))
        case = make_case(self.made, folder, {"full": {"accesses": True}})
        self.anchors, self.case = case.anchors, case.bundle()
        shutil.copytree(self.made.folder / "keys", folder / "keys")

    def run(self, words: list[str]) -> tuple[int, dict[str, Any]]:
        """The command line: in a process of its own, or in this one."""
        if self._apart:
            line = [sys.executable, "-m", "sealway", *words, "--json"]
            done = subprocess.run(line, capture_output=True, text=True, check=False)
            if "Traceback" in done.stderr:
                raise AssertionError(done.stderr)
            return done.returncode, json.loads(done.stdout)
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            code = command_line([*words, "--json"])
        return code, json.loads(out.getvalue())

    def copy_of_case(self, work: Path) -> Path:
        """The bundle, with the operator's keys beside it."""
        shutil.copytree(self.folder / "keys", work / "keys")
        shutil.copyfile(self.case, work / "case.zip")
        return work / "case.zip"

    def words(self, attack: Attack, work: Path) -> list[list[str]]:
        """Make one attack; the command lines that must find it."""
        if attack.on == "folder":
            shutil.copytree(self.made.folder, work / "bus")
            shutil.copyfile(self.folder / "older.db", work / "bus" / "older.db")
            attack.make(work / "bus")
            return [_fsck(work / "bus", self.made.log_key)]
        if attack.on == "bundle":
            case = self.copy_of_case(work)
            attack.make(case)
            return [["audit", "verify", str(case), "--anchors", str(self.anchors)]]
        if attack.on == "deed":
            made = deeds.live(work / "bus", attack.make)
            anchors = work / "anchors.toml"
            anchors.write_text(f'bus = "{BUS}"\nlog_keys = ["{made.log_key}"]\n')
            case = made.folder / "case.zip"
            lines = [["audit", "verify", str(case), "--anchors", str(anchors)]]
            of_bundles = attack.code in ("payload-invalid", "disputed")
            return lines if of_bundles else [*lines, _fsck(made.folder, made.log_key)]
        return [attack.make(self, work)]

    def judge(self, attack: Attack) -> str | None:
        """Make it and ask; what is wrong with what was said, or None."""
        with tempfile.TemporaryDirectory(dir=self.folder) as work:
            for words in self.words(attack, Path(work)):
                code, said = self.run(words)
                found = said.get("finding_counts", {})
                if attack.says and "messages" in said and attack.says not in json.dumps(said):
                    return f"{attack.says} is not said"
                if code != attack.exit:
                    return f"exit {code}, must be {attack.exit}: {found}"
                if attack.code is None and found:
                    return f"found {found}"
                if attack.code is not None and attack.code not in found:
                    return f"{attack.code} is not among {found}"
        return None


def _fsck(folder: Path, key: str) -> list[str]:
    words = ["audit", "fsck", str(folder / "data"), "--log-key", key]
    return [*words, "--epoch-keys", str(folder / "keys" / "epoch-1")]


async def _go_on(made: RecordedBus) -> None:
    bus = await start(made)
    try:
        for _ in range(40):
            await exchange_one(bus, made)
    finally:
        await bus.close()


def main() -> int:
    """Make all attacks, or those whose names hold a word."""
    parser = argparse.ArgumentParser(description="Attack, and see whether it is found.")
    parser.add_argument("--only", default="", help="attacks whose names hold this")
    only = parser.parse_args().only
    chosen = [attack for attack in ALL if only in attack.name]
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="sealway-attacks-") as folder:
        ground = Ground(Path(folder), apart=True)
        for attack in chosen:
            started = time.monotonic()
            problem = ground.judge(attack)
            wrong += problem is not None
            said = problem or attack.code or "fine, as it must be"
            took = time.monotonic() - started
            print(f"{'WRONG' if problem else 'found':<6} {attack.name:<28} {said} ({took:.1f} s)")
    print(f"attacks: {len(chosen)} made, {len(chosen) - wrong} found, {wrong} wrong verdict")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
