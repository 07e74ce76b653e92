"""A long log whose envelopes nobody opens: leaves and rows as a bus has them, made in no time.

What stands for envelope and content is not sealed, so an audit with epoch keys would say so.
"""

from __future__ import annotations

from typing import Any

from signing.encoding import b64url_encode
from signing.log.leaf import encode_leaf
from signing.log.merkle import leaf_hash
from tests.support.long_bus import LongBus
from tests.support.recorded_bus import CONSUMER, PROVIDER, SERVICE

_ENV = b64url_encode(bytes(32))


class ShutBus(LongBus):
    """As a `LongBus`, without signing and sealing."""

    def ask(self, n: int, reg: int | None = None) -> tuple[Any, bytes]:
        """A request's leaf."""
        (grant,) = self.directory.grants_for(CONSUMER, PROVIDER, SERVICE)
        return None, self._put(n, "request", sender=CONSUMER, to=PROVIDER, grant=grant.id, reg=reg)

    def answer(self, n: int, asked: Any, hash_: bytes, reg: int | None = None) -> bytes:
        """A response's leaf to the leaf with that hash."""
        ref = b64url_encode(hash_)
        return self._put(n, "response", sender=PROVIDER, to=CONSUMER, ref=ref, reg=reg)

    def _put(self, n: int, k: str, *, sender: str, reg: int | None, **members: Any) -> bytes:
        log, reg = self.logs[n], self.directory.version if reg is None else reg
        leaf = encode_leaf(k, self.now_ms, reg, _ENV, sender=sender, svc=SERVICE, **members)
        hash_ = leaf_hash(leaf)
        place = log.size if log is self.long else len(log.leaves)
        self.rows["message"].append(
            {
                "id": hash_[:16],
                "sender": 1 if sender == CONSUMER else 2,
                "digest": hash_,
                "shard": n,
                "idx": place,
                "leaf_hash": hash_,
                "leaf_salt": b"",
                "envelope": b"",
                "envelope_key": b"",
                "content": b"",
                "content_key": b"",
                "accepted_at": self.now_ms,
            }
        )
        log.leaves.append(leaf)
        log.last_ts = self.now_ms
        return hash_
