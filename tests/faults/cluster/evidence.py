"""Reading what a run left: journals, departments' databases, the logs themselves.

Receipts are verified here under the keys that the watcher learned while it looked, so that one
from before an older copy was put back is verified by itself.
"""

import asyncio
import base64
import json
import pickle
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

import asyncpg

from sealway.errors import SdkError
from sealway.exchange_rules import open_delivery
from signing.encoding import b64url_decode
from signing.errors import SealwayError
from signing.jws import MESSAGE, decode_jws
from signing.log.checkpoint import verify_checkpoint
from signing.log.leaf import parse_leaf
from signing.log.merkle import append_leaf, frontier_root, leaf_hash
from signing.log.note import NoteVerifier, parse_verifier_key
from signing.log.tiles import parse_entries
from signing.manifest import parse_manifest
from signing.message import parse_frame
from signing.receipts import parse_receipt, verify_receipt
from tests.faults.cluster.histories import (
    Log,
    LogLeaf,
    Proof,
    Refusal,
    Restored,
    Seen,
    Sent,
    Withdrawal,
)
from tests.faults.cluster.network import BY_CODE, RESIDENCE
from tests.faults.cluster.office import OFFICE
from tests.faults.cluster.site import WEB_PROVIDERS, ClusterSite
from tests.faults.cluster.watch import WATCH
from tests.faults.journal import read_journal

FAULTS: Final = "faults"


@dataclass(frozen=True, slots=True)
class Made:
    """A message as it was made."""

    sender: str
    service: str
    frame: bytes
    at: float
    waits: bool


@dataclass(slots=True)
class Loads:
    """All journals of senders, read once."""

    made: dict[str, Made] = field(default_factory=dict)
    lines: list[dict[str, Any]] = field(default_factory=list)
    """What happened to messages after they were made."""
    troubled: set[str] = field(default_factory=set)
    """Messages of which at least one try had no outcome."""


def loads(site: ClusterSite) -> Loads:
    """The senders' journals; read once a process."""
    return _loads(site.folder)


@cache
def _loads(folder: Path) -> Loads:
    told = Loads()
    for path in sorted(folder.glob("load-*.jsonl")):
        for line in read_journal(path):
            if line["event"] == "made":
                frame = base64.b64decode(line["frame"])
                told.made[line["id"]] = Made(
                    line["sender"], line["service"], frame, line["at"], line["waits"]
                )
            elif "id" in line:
                told.lines.append(line)
                if line["event"] in ("broken", "again"):
                    told.troubled.add(line["id"])
    return told


def log_keys(site: ClusterSite) -> dict[str, NoteVerifier]:
    """By origin, the keys that the watcher learned."""
    return {
        line["origin"]: parse_verifier_key(line["key"])
        for line in read_journal(site.journal(WATCH))
        if line["event"] == "key"
    }


def read_sent(site: ClusterSite, keys: Mapping[str, NoteVerifier] | None = None) -> dict[str, Sent]:
    """Every message as its sender knows it; its proofs are verified when there are keys."""
    told = loads(site)
    sent = {id_: Sent(id_, one.service, one.at) for id_, one in told.made.items()}
    for line in told.lines:
        one, id_, at = sent[line["id"]], line["id"], line["at"]
        match line["event"]:
            case "receipt" if keys is not None:
                envelope, _ = parse_frame(told.made[id_].frame)
                one.receipts.append(_proof(id_, line["receipt"], envelope, keys, at))
            case "answer" if keys is not None:
                data = base64.b64decode(line["delivery"])
                one.answers.append(_answer_proof(data, keys, at))
            case "refused":
                one.refusals.append(Refusal(at, line["code"], line["detail"]))
            case "given-up":
                one.is_given_up = True
    return sent


def _proof(id_: str, text: str, act: bytes, keys: Mapping[str, NoteVerifier], at: float) -> Proof:
    try:
        origin = parse_receipt(text).origin
        if origin not in keys:
            return Proof(id_, at, broken=f"nobody ever learned the key of {origin}")
        held = verify_receipt(text, act, keys[origin])
    except SealwayError as error:
        return Proof(id_, at, broken=error.detail)
    checkpoint = held.checkpoint
    hash_ = leaf_hash(held.leaf.raw)
    return Proof(
        id_, at, origin, held.index, hash_, held.leaf.reg, checkpoint.size, checkpoint.root
    )


def _answer_proof(data: bytes, keys: Mapping[str, NoteVerifier], at: float) -> Proof:
    """The proof of an answer as it came; its id is in its manifest."""
    try:
        arrived = open_delivery(data)
        id_ = parse_manifest(decode_jws(arrived.envelope, MESSAGE).payload).id
    except (SealwayError, SdkError) as error:
        return Proof("", at, broken=str(error))
    return _proof(id_, arrived.receipt, arrived.envelope, keys, at)


def read_seen(site: ClusterSite, keys: Mapping[str, NoteVerifier]) -> list[Seen]:
    """Every checkpoint that the watcher was shown; each note is verified once."""
    seen: dict[str, Seen] = {}
    for line in read_journal(site.journal(WATCH)):
        if line["event"] == "checkpoint" and line["note"] not in seen:
            seen[line["note"]] = _seen(line["origin"], line["note"], keys, line["at"])
    return [*seen.values()]


def _seen(origin: str, note: str, keys: Mapping[str, NoteVerifier], at: float) -> Seen:
    if origin not in keys:
        return Seen(origin, 0, b"", at, "nobody ever learned its log's key")
    try:
        checkpoint = verify_checkpoint(note, keys[origin])
    except SealwayError as error:
        return Seen(origin, 0, b"", at, error.detail)
    return Seen(origin, checkpoint.size, checkpoint.root, at)


def read_restored(site: ClusterSite) -> list[Restored]:
    """When which copies were put back."""
    return [
        Restored(line["copied_at"], line["restored_at"], line["at"])
        for line in read_journal(site.journal(FAULTS))
        if line["event"] == "restored"
    ]


def read_withdrawals(site: ClusterSite) -> list[Withdrawal]:
    """When the grant was away."""
    lines = [
        line
        for line in read_journal(site.journal(FAULTS))
        if line["event"] in ("withdrawn", "granted")
    ]
    return [
        Withdrawal(
            service=RESIDENCE,
            began=gone["began"],
            in_force=gone["at"],
            version=gone["version"],
            again_began=again["began"],
            again_in_force=again["at"],
            again_version=again["version"],
        )
        for gone, again in zip(lines[::2], lines[1::2], strict=True)
    ]


def read_calls(site: ClusterSite) -> dict[str, list[float]]:
    """When each message's department was called, as the departments say themselves."""
    calls: dict[str, list[float]] = defaultdict(list)
    for name in (*WEB_PROVIDERS, OFFICE):
        for line in read_journal(site.journal(name)):
            calls[line["id"]].append(line["at"])
    return dict(calls)


def read_effects(site: ClusterSite) -> dict[str, int]:
    """How often each department acted on each message."""
    effects: dict[str, int] = {}
    for name in WEB_PROVIDERS:
        path = site.folder / f"{name}.db"
        if path.exists():
            with closing(sqlite3.connect(path)) as connection:
                rows = connection.execute("SELECT id, count(*) FROM effect GROUP BY id")
                effects |= {str(id_): int(count) for id_, count in rows}
    return effects


def read_latencies(site: ClusterSite, phase: str) -> list[float]:
    """How long measured services took at the first try, of what was made in a phase."""
    began, ended = json.loads((site.folder / "phases.json").read_text())[phase]
    told = loads(site)
    lines: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in told.lines:
        lines[line["id"]].append(line)
    return list(_latencies(told, lines, began, ended))


def _latencies(
    told: Loads, lines: Mapping[str, list[dict[str, Any]]], began: float, ended: float
) -> Iterator[float]:
    for id_, made in told.made.items():
        if not (began <= made.at < ended and made.waits and BY_CODE[made.service].is_measured):
            continue
        events = [(one["event"], one["at"]) for one in lines.get(id_, ())[:2]]
        if [name for name, _ in events] == ["sent", "answer"]:
            yield events[1][1] - events[0][1]
        else:
            yield ended - made.at  # no answer while it waited: as long as the phase at least


def dump_logs(site: ClusterSite) -> dict[str, list[bytes]]:
    """Every log's leaves as the database holds them, kept in ``logs.pickle``."""
    logs = asyncio.run(_fetch_logs(site.dsn))
    with (site.folder / "logs.pickle").open("wb") as file:
        pickle.dump(logs, file)
    return logs


async def _fetch_logs(dsn: str) -> dict[str, list[bytes]]:
    connection = await asyncpg.connect(dsn)
    try:
        logs: dict[str, list[bytes]] = {}
        for shard, origin in await connection.fetch("SELECT shard, origin FROM log_shard"):
            groups = await connection.fetch(
                "SELECT entries FROM log_group WHERE shard = $1 ORDER BY first_index", shard
            )
            logs[origin] = [leaf for (entries,) in groups for leaf in parse_entries(entries)]
        return logs
    finally:
        await connection.close()


def build_log(leaves: list[bytes], sizes: set[int]) -> Log:
    """A log from its leaves, with its root at these sizes."""
    told: list[LogLeaf] = []
    frontier: list[bytes] = []
    roots = {0: frontier_root(frontier)}
    for raw in leaves:
        leaf, hash_ = parse_leaf(raw), leaf_hash(raw)
        append_leaf(frontier, len(told), hash_)
        ref = b64url_decode(leaf.ref) if leaf.ref else None
        told.append(LogLeaf(leaf.k, hash_, leaf.reg, ref, leaf.svc))
        if len(told) in sizes:
            roots[len(told)] = frontier_root(frontier)
    return Log(told, roots)
