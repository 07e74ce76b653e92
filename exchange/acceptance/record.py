"""The second door: what the bus, or an authorised person, did.

Makes records: signed by the bus's record key, committed to by a leaf. Records of the directory
are stored plain and for ever; others are sealed like envelopes, bound to their leaf's nonce.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from exchange.ledger.entries import LeafDraft, RecordEntry
from exchange.storage.rows import (
    ConfirmDelivery,
    EndExchange,
    KillDelivery,
    ObjectRow,
    SettleDead,
    ShardHead,
    StepRow,
)
from signing.at_rest import EpochKeys, seal_envelope
from signing.keys import Signer
from signing.log.leaf import BARE_KINDS, LEAF_SALT_BYTES, NONCE_BYTES, commit_to
from signing.randomness import random_bytes
from signing.records import Record, sign_record

BUS: Final = "bus"


@dataclass(frozen=True, slots=True)
class Parties:
    """Whom a traffic record's leaf names, and the leaf it is about."""

    sender: str | None = None
    to: str | None = None
    svc: str | None = None
    test: bool = False
    ref: str | None = None


@dataclass(frozen=True, slots=True)
class Act:
    """One act to record."""

    k: str
    act: str
    noun: str
    key: str
    after: Mapping[str, Any] | list[Any] | None = None
    before: str | None = None
    actor: str = BUS
    role: str = BUS
    signed_change: str | None = None


class Recorder:
    """Turns acts into entries of the ledger."""

    def __init__(self, signer: Signer, epochs: EpochKeys) -> None:
        self._signer = signer
        self._epochs = epochs

    @property
    def signer(self) -> Signer:
        """The bus's record key, for the inventories of bundles too."""
        return self._signer

    def _sign(self, act: Act, at_ms: int) -> bytes:
        return sign_record(
            Record(
                k=act.k,
                at_ms=at_ms,
                actor=act.actor,
                role=act.role,
                act=act.act,
                noun=act.noun,
                key=act.key,
                before=act.before,
                after=act.after,
                signed_change=act.signed_change,
            ),
            self._signer,
        )

    def directory_entry(
        self, act: Act, at_ms: int, *, stored: bool = True, opens_log: ShardHead | None = None
    ) -> RecordEntry:
        """A record of log 0, plain; ``stored``: its object is kept as a row of the directory."""
        assert act.k in BARE_KINDS
        raw = self._sign(act, at_ms)
        salt = random_bytes(LEAF_SALT_BYTES)
        row = None
        if stored:
            text = json.dumps(act.after, ensure_ascii=False, separators=(",", ":"))
            row = ObjectRow(act.noun, act.key, text)
        leaf = LeafDraft(act.k, commit_to(salt, raw))
        return RecordEntry(leaf, salt, raw, raw, salt, None, object=row, opens_log=opens_log)

    def traffic_entry(
        self,
        act: Act,
        at_ms: int,
        parties: Parties,
        *,
        end: EndExchange | None = None,
        kill: KillDelivery | None = None,
        confirm: ConfirmDelivery | None = None,
        settle: SettleDead | None = None,
        step: StepRow | None = None,
    ) -> RecordEntry:
        """A record of a shard, sealed under a key of its own with its leaf's nonce as context."""
        raw = self._sign(act, at_ms)
        salt, nonce = random_bytes(LEAF_SALT_BYTES), random_bytes(NONCE_BYTES)
        sealed = seal_envelope(raw, nonce, salt, self._epochs)
        leaf = LeafDraft(
            act.k,
            commit_to(salt, raw),
            parties.sender,
            parties.to,
            parties.svc,
            test=parties.test,
            ref=parties.ref,
            nonce=nonce,
        )
        return RecordEntry(
            leaf,
            salt,
            raw,
            sealed.data,
            sealed.leaf_salt,
            sealed.key,
            end=end,
            kill=kill,
            confirm=confirm,
            settle=settle,
            step=step,
        )
