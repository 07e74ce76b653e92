"""The checker, a process of its own: first over the public API, then over the stopped copy.

``check.py FOLDER api [SECONDS]`` asks the running bus about every message through the SDK, which
verifies whatever it gets, and writes what it found to ``found.pickle``. ``check.py FOLDER copy``
has the copied data audited, reads its log, judges, prints what is wrong, and ends with one line of
JSON.
"""

import base64
import json
import pickle
import sqlite3
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Final

from sealway import Client
from sealway.answers import ExchangeState
from sealway.client import Exchange
from sealway.errors import SdkError
from sealway.exchange_rules import open_delivery
from sealway.profile import load_profile
from signing.encoding import b64url_decode
from signing.errors import SealwayError
from signing.identifiers import MessageId
from signing.jws import MESSAGE, decode_jws
from signing.log.leaf import parse_leaf
from signing.log.merkle import append_leaf, frontier_root, leaf_hash
from signing.log.note import NoteVerifier
from signing.log.tiles import parse_entries
from signing.manifest import parse_manifest
from signing.message import parse_frame
from signing.receipts import VerifiedReceipt, verify_receipt
from tests.faults.journal import read_journal
from tests.faults.site import ONCE, Site, sealway
from tests.faults.verdicts import Found, History, Log, LogLeaf, Proof, Sent, judge

SETTLE_S: Final = 60.0
"""How long the last questions may take to be answered once the killing has ended."""
SHOWN: Final = 12
TRAFFIC: Final = "sx.example/log/1"


class Checker:
    """What the consumer can find out with its own profile."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.client = Client(load_profile("benefits"))
        self.frames: dict[str, bytes] = {}
        self.sent: dict[str, Sent] = {}
        self.found: dict[str, Found] = {}

    def check(self, settle_s: float) -> None:
        """Read the journal, wait until nothing is under way, ask about everything."""
        key = self._run(self.client._talk.trust.log_key(TRAFFIC))
        self._read(key)
        states = self._settle(settle_s)
        for id_ in self.sent:
            self.found[id_] = self._ask(id_, states[id_])
        with (self.site.folder / "found.pickle").open("wb") as file:
            pickle.dump((self.sent, self.found), file)

    def _run(self, steps):  # type: ignore[no-untyped-def]
        return self.client._connection.run(steps)

    def _read(self, key: NoteVerifier) -> None:
        for line in read_journal(self.site.journal("load")):
            match line["event"]:
                case "made":
                    id_, service = line["id"], line["service"]
                    self.frames[id_] = base64.b64decode(line["frame"])
                    self.sent[id_] = Sent(id_, service, service in ONCE)
                case "receipt":
                    envelope, _ = parse_frame(self.frames[line["id"]])
                    proof = _proof(line["id"], line["receipt"], envelope, key)
                    self.sent[line["id"]].receipts.append(proof)
                case "answer":
                    data = base64.b64decode(line["delivery"])
                    self.sent[line["id"]].answers.append(_answer_proof(data, key))
                case "refused":
                    self.sent[line["id"]].refused.append(line["body"])

    def _settle(self, settle_s: float) -> dict[str, ExchangeState | SdkError]:
        """Wait for the ends; what is still open at last counts as undelivered."""
        states: dict[str, ExchangeState | SdkError] = {}
        until, waiting = time.monotonic() + settle_s, list(self.sent)
        while waiting and time.monotonic() < until:
            for id_ in waiting:
                states[id_] = self._state(id_)
            waiting = [id_ for id_ in waiting if _is_under_way(states[id_])]
            time.sleep(0.2 if waiting else 0)
        return states

    def _state(self, id_: str) -> ExchangeState | SdkError:
        try:
            return self.client.exchange(id_).state()
        except SdkError as error:
            return error

    def _ask(self, id_: str, state: ExchangeState | SdkError) -> Found:
        try:
            if isinstance(state, SdkError):
                raise state
            message, receipt = self._run(self.client._talk.recall(MessageId(id_)))
            envelope, parts = parse_frame(self.frames[id_])
            same = (message.envelope.raw, message.parts) == (envelope, parts)
            answer = None
            if state.state == "answered":
                given = Exchange(self.client, id_, message, receipt).answer()
                answer = _taken(given.id, given.message.receipt)
            request = _taken(id_, receipt)
            return Found(state.state, state.stuck, same, request, answer)
        except (SdkError, SealwayError) as error:
            return Found(trouble=f"{getattr(error, 'code', '')}: {error}")


def _is_under_way(state: ExchangeState | SdkError) -> bool:
    return not isinstance(state, SdkError) and state.is_open and not state.stuck


def _taken(id_: str, receipt: VerifiedReceipt) -> Proof:
    leaf, checkpoint = receipt.leaf.raw, receipt.checkpoint
    return Proof(id_, receipt.index, leaf_hash(leaf), checkpoint.size, checkpoint.root)


def _proof(id_: str, text: str, act: bytes, key: NoteVerifier) -> Proof:
    try:
        return _taken(id_, verify_receipt(text, act, key))
    except SealwayError as error:
        return Proof(id_, broken=error.detail)


def _answer_proof(data: bytes, key: NoteVerifier) -> Proof:
    """The proof of an answer as it came; its id is in its manifest."""
    try:
        arrived = open_delivery(data)
        id_ = parse_manifest(decode_jws(arrived.envelope, MESSAGE).payload).id
        return _proof(id_, arrived.receipt, arrived.envelope, key)
    except (SealwayError, SdkError) as error:
        return Proof("", broken=str(error))


def read_log(copy: Path, sizes: set[int]) -> Log:
    """The traffic log of a copied data folder, and its root at these sizes."""
    connection = sqlite3.connect(f"file:{copy / 'sealway.db'}?mode=ro", uri=True)
    groups = connection.execute(
        "SELECT entries FROM log_group WHERE shard = 1 ORDER BY first_index"
    ).fetchall()
    connection.close()
    leaves: list[LogLeaf] = []
    frontier: list[bytes] = []
    roots = {0: frontier_root(frontier)}
    for (entries,) in groups:
        for raw in parse_entries(entries):
            leaf, hash_ = parse_leaf(raw), leaf_hash(raw)
            append_leaf(frontier, len(leaves), hash_)
            leaves.append(LogLeaf(leaf.k, hash_, b64url_decode(leaf.ref) if leaf.ref else None))
            if len(leaves) in sizes:
                roots[len(leaves)] = frontier_root(frontier)
    return Log(leaves, roots)


def read_calls(site: Site) -> Counter[str]:
    """How often the providers themselves say they were asked, by message."""
    return Counter(
        line["id"] for name in ("letters", "office") for line in read_journal(site.journal(name))
    )


def audit(site: Site) -> str | None:
    """What `sealway audit verify` says against the copy, with the epoch key."""
    epoch = site.bus / "keys" / "epoch-1"
    copy = site.folder / "copy"
    words = ("--log-key", site.log_key, "--epoch-keys", str(epoch))
    done = sealway(site, "audit", "verify", str(copy), *words)
    return None if done.returncode == 0 else f"exit {done.returncode}: {done.stdout}{done.stderr}"


def judge_copy(site: Site) -> int:
    """Judge, print, and say with the exit code whether all is well."""
    with (site.folder / "found.pickle").open("rb") as file:
        sent, found = pickle.load(file)  # noqa: S301 - our own file, of a minute ago
    proofs = [p for one in sent.values() for p in (*one.receipts, *one.answers)]
    proofs += [p for one in found.values() for p in (one.request, one.answer) if p is not None]
    log = read_log(site.folder / "copy", {proof.size for proof in proofs})
    problems = judge(History(sent, found, read_calls(site), log, audit(site)))
    for problem in problems[:SHOWN]:
        print(f"  {problem.sort:6} {problem.id}: {problem.text}")
    counts = Counter(problem.sort for problem in problems)
    receipts = sum(len(one.receipts) + len(one.answers) for one in sent.values())
    states = Counter(f"{one.state}{'-stuck' if one.stuck else ''}" for one in found.values())
    summary = {
        "receipts": receipts,
        "messages": len(sent),
        "lost": counts["lost"],
        "double": counts["double"],
        "false": counts["false"],
        "states": states,
        "calls": sum(read_calls(site).values()),
    }
    print(json.dumps(summary))
    return 1 if problems else 0


def main(folder: str, phase: str, settle_s: str = str(SETTLE_S)) -> int:
    """One phase."""
    site = Site.load(Path(folder))
    if phase == "copy":
        return judge_copy(site)
    Checker(site).check(float(settle_s))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
