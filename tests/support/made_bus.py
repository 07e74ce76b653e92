"""A bus's database made by hand: several shards, frozen logs, successors of log 0, and lies.

Nothing of the ledger or the stores is used but the tables, so that what they never do can be
written too. A log here holds fewer leaves than a tile does.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from exchange.storage.migrations import migrate
from registry.changes import Change, PlannedFact, bus_key_fact, plan
from registry.directory import Directory
from registry.policy import POLICY_KEY
from sealway.verify.names import origin_of
from signing.at_rest import EpochKeys, seal_content, seal_envelope
from signing.certificates import issue_self_signed, parse_certificate
from signing.compose import Composed, PartIn, answer_draft, compose
from signing.encoding import b64_encode, b64url_decode, b64url_encode
from signing.identifiers import message_id_bytes
from signing.keys import LocalSigner, generate_key
from signing.log.checkpoint import Checkpoint, sign_checkpoint
from signing.log.leaf import commit_to, encode_leaf, new_leaf_salt
from signing.log.merkle import append_leaf, frontier_root, leaf_hash, merkle_root
from signing.log.note import NoteSigner
from signing.log.tiles import encode_entries
from signing.randomness import random_bytes
from signing.records import Record, sign_record
from tests.support.recorded_bus import (
    BUS,
    CONSUMER,
    PROVIDER,
    SERVICE,
    RecordedBus,
    _signer,
    now_ms,
    registrations,
    request,
)

LEAVES_MAX = 255


@dataclass
class MadeLog:
    """One log, whole in memory."""

    n: int
    signer: NoteSigner
    leaves: list[bytes] = field(default_factory=list)
    state: str = "open"
    note: str | None = None
    note_size: int | None = None
    is_stale: bool = False
    """Keep the note as it is."""
    last_ts: int = 0
    leaves_max: int = LEAVES_MAX

    @property
    def root(self) -> bytes:
        return merkle_root([leaf_hash(leaf) for leaf in self.leaves])

    @property
    def place(self) -> dict[str, Any]:
        """Size and root as records tell them."""
        return {"size": len(self.leaves), "root": b64_encode(self.root)}

    def sign(self) -> str:
        size = len(self.leaves)
        origin = self.signer.verifier.name
        self.note_size = size
        self.note = sign_checkpoint(Checkpoint(origin, size, self.root), self.signer)
        return self.note


class MadeBus:
    """Everything that a database holds; `write` makes it a file."""

    def __init__(self, shards: int) -> None:
        self.now_ms = now_ms() - 10_000
        signers = {system: _signer(system) for system in (CONSUMER, PROVIDER)}
        self.parties = RecordedBus(Path(), "", Path(), signers)
        self.epochs = EpochKeys(1, {1: random_bytes(32)})
        key = generate_key()
        der = issue_self_signed(key, "records", self.now_ms - 1000, self.now_ms + 86_400_000)
        self.recorder = LocalSigner(key, parse_certificate(der).x5t)
        self.directory = Directory.empty()
        self.logs: dict[int, MadeLog] = {}
        self.log_0 = self._new_log(0)
        self.rows: dict[str, list[dict[str, Any]]] = {
            name: [] for name in ("message", "record", "directory_object")
        }
        self._write_facts([bus_key_fact(der)])
        policy = {
            "bus": BUS,
            "instance": "sx",
            "algorithms": ["ES256", "Ed25519"],
            "founder": True,
            "limits": {
                "part_bytes_max": 10_485_760,
                "envelope_bytes_max": 65_536,
                "id_age_s_max": 172_800,
                "id_ahead_s_max": 300,
            },
        }
        self.change(Change("policy", policy, POLICY_KEY))
        for n in range(1, shards + 1):
            self.open_log(n)
        self.heads()
        self.change(*registrations(self.parties))
        self.heads()

    def log_keys(self) -> list[str]:
        """The keys of log 0 and of its successors."""
        return [str(log.signer.verifier) for n, log in self.logs.items() if n <= 0]

    def _new_log(self, n: int) -> MadeLog:
        signer = NoteSigner(origin_of(BUS, n), generate_key("Ed25519"))  # type: ignore[arg-type]
        self.logs[n] = MadeLog(n, signer)
        return self.logs[n]

    # --- log 0 ------------------------------------------------------------------------------------

    def record(
        self, kind: str, act: str, noun: str, key: str, after: Any, before: Any = None
    ) -> None:
        """A record in the log 0 in force."""
        record = Record(kind, self.now_ms, "bus", "bus", act, noun, key, before, after)
        raw = sign_record(record, self.recorder)
        salt = new_leaf_salt()
        version = self.directory.version + (kind in ("registry", "trust", "policy"))
        leaf = encode_leaf(kind, self.now_ms, version, commit_to(salt, raw))
        self._place(self.log_0, leaf, raw, salt, None)

    def _place(self, log: MadeLog, leaf: bytes, raw: bytes, salt: bytes, key: bytes | None) -> None:
        place = {"shard": log.n, "idx": len(log.leaves)}
        self.rows["record"].append({**place, "bytes": raw, "leaf_salt": salt, "key": key})
        log.leaves.append(leaf)
        log.last_ts = self.now_ms
        assert len(log.leaves) <= log.leaves_max

    def _object(self, noun: str, key: str, version: int, after: Any) -> None:
        rows = [
            row for row in self.rows["directory_object"] if (row["noun"], row["key"]) != (noun, key)
        ]
        place = {"version": version, "idx": len(self.log_0.leaves) - 1, "log": self.log_0.n}
        text = json.dumps(after, ensure_ascii=False, separators=(",", ":"))
        self.rows["directory_object"] = [*rows, {"noun": noun, "key": key, **place, "object": text}]

    def change(self, *changes: Change) -> None:
        """Put changes in force."""
        self._write_facts(list(plan(self.directory, list(changes), self.now_ms).facts))

    def _write_facts(self, facts: list[PlannedFact]) -> None:
        for fact in facts:
            self.record(fact.kind, fact.act, fact.noun, fact.key, fact.after, fact.before)
            self.directory = self.directory.fold([fact])
            self._object(fact.noun, fact.key, self.directory.version, fact.after)

    def open_log(self, n: int) -> MadeLog:
        """A shard, opened in log 0."""
        log = self._new_log(n)
        self.shard_record(log, "open")
        return log

    def shard_record(self, log: MadeLog, state: str, **more: Any) -> None:
        """What log 0 says of a shard."""
        origin = log.signer.verifier.name
        after = {"n": log.n, "origin": origin, "key": str(log.signer.verifier), "holder": "bus"}
        after |= {"state": state, **more}
        self.record("shard", f"shard-{state}", "log", origin, after)
        self._object("log", origin, self.directory.version, after)

    def freeze(self, log: MadeLog, **more: Any) -> None:
        """A shard is put aside; `more` says how far it was signed."""
        log.state = "frozen"
        self.shard_record(log, "frozen", **(more or log.place))

    def close(self, log: MadeLog) -> None:
        """A shard is over."""
        log.state = "closed"
        self.shard_record(log, "closed", **log.place)

    def heads(self) -> None:
        """Heads of all open shards."""
        after = [
            {"n": n, **log.place}
            for n, log in sorted(self.logs.items())
            if n > 0 and log.state == "open"
        ]
        self.record("heads", "heads", "log", "heads", after)

    def succeed(self, **more: Any) -> MadeLog:
        """Log 0 goes on in a successor, as after a restore; the shards of before are closed."""
        before = self.log_0
        for log in self.logs.values():
            log.state = "closed" if log.state == "open" else log.state
        self.log_0 = self._new_log(before.n - 1)
        after = {"closed": before.signer.verifier.name, "checkpoint": before.note}
        after |= {"size_found": len(before.leaves), "root_found": b64_encode(before.root)}
        after |= {"reason": "disk lost", **more}
        origin = self.log_0.signer.verifier.name
        self.record("shard", "log-succeeded", "log", origin, after)
        return self.log_0

    # --- traffic ----------------------------------------------------------------------------------

    def ask(self, n: int, reg: int | None = None) -> tuple[Composed, bytes]:
        """A request in shard n; what was asked, and its leaf's hash."""
        asked = request(self.parties)
        return asked, self.take(n, asked, None, reg)

    def answer(self, n: int, asked: Composed, hash_: bytes, reg: int | None = None) -> bytes:
        """A response in shard n to the leaf with that hash."""
        draft = answer_draft(asked.manifest, asked.digest, "response", now_ms())
        said = compose(draft, [PartIn(b'{"s":2}')], self.parties.signers[PROVIDER])
        return self.take(n, said, hash_, reg)

    def take(self, n: int, composed: Composed, ref: bytes | None, reg: int | None = None) -> bytes:
        """A message in shard n; its leaf's hash."""
        log, manifest = self.logs[n], composed.manifest
        salt, id_ = new_leaf_salt(), message_id_bytes(manifest.id)
        grants = self.directory.grants_for(CONSUMER, PROVIDER, SERVICE)
        leaf = encode_leaf(
            manifest.kind,
            self.now_ms,
            self.directory.version if reg is None else reg,
            commit_to(salt, composed.envelope),
            sender=manifest.sender,
            to=manifest.to,
            svc=manifest.service,
            grant=grants[0].id if manifest.kind == "request" and grants else None,
            ref=None if ref is None else b64url_encode(ref),
        )
        sealed = seal_envelope(composed.envelope, id_, salt, self.epochs)
        content = seal_content(composed.parts, id_, self.epochs)
        self.rows["message"].append(
            {
                "id": id_,
                "sender": 1 if manifest.sender == CONSUMER else 2,
                "digest": b64url_decode(composed.digest),
                "shard": n,
                "idx": len(log.leaves),
                "leaf_hash": leaf_hash(leaf),
                "leaf_salt": sealed.leaf_salt,
                "envelope": sealed.data,
                "envelope_key": sealed.key,
                "content": content.data,
                "content_key": content.key,
                "accepted_at": self.now_ms,
            }
        )
        log.leaves.append(leaf)
        log.last_ts = self.now_ms
        assert len(log.leaves) <= log.leaves_max
        return leaf_hash(leaf)

    # --- the file ---------------------------------------------------------------------------------

    def write(self, folder: Path, *, heads: bool = True) -> Path:
        """The database in a folder, as a clean stop leaves it: heads last, everything signed."""
        if heads:
            self.heads()
        folder.mkdir(parents=True, exist_ok=True)
        asyncio.run(migrate(folder, BUS, "sx", self.now_ms))
        with closing(sqlite3.connect(folder / "sealway.db")) as connection, connection:
            connection.execute("DELETE FROM directory")
            for name, rows in self.tables().items():
                for row in rows:
                    marks = ", ".join("?" * len(row))
                    statement = f"INSERT INTO {name} ({', '.join(row)}) VALUES ({marks})"
                    connection.execute(statement, list(row.values()))
        return folder

    def tables(self) -> dict[str, list[dict[str, Any]]]:
        """Every table's rows, but what a migration writes itself."""
        systems = [{"n": 1, "system": CONSUMER}, {"n": 2, "system": PROVIDER}]
        groups = [
            {
                "shard": n,
                "first_index": 0,
                "count": len(log.leaves),
                "entries": encode_entries(log.leaves),
            }
            for n, log in self.logs.items()
            if log.leaves
        ]
        return {
            "directory": [{"one": 1, "version": self.directory.version}],
            "system_number": systems,
            "log_shard": [self._head(log) for log in self.logs.values()],
            "log_group": groups,
            **self.rows,
        }

    def _head(self, log: MadeLog) -> dict[str, Any]:
        if log.leaves and not log.is_stale:
            log.sign()
        frontier: list[bytes] = []
        for size, leaf in enumerate(log.leaves):
            append_leaf(frontier, size, leaf_hash(leaf))
        return {
            "shard": log.n,
            "origin": log.signer.verifier.name,
            "epoch": 1,
            "state": log.state,
            "size": len(log.leaves),
            "root": frontier_root(frontier),
            "frontier": b"".join(frontier),
            "last_ts": log.last_ts,
            "relayed_to": len(log.leaves),
            "note": log.note,
            "note_size": log.note_size,
        }
