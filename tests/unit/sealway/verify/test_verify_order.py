"""What orders logs: exchanges across logs, versions between heads, logs that are closed."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import sealway.verify.pairing
from sealway.verify.bounds import VersionBounds
from sealway.verify.exchanges import Exchanges, Rules
from sealway.verify.findings import Findings
from sealway.verify.listing import Anchor, Listing
from sealway.verify.pairing import KEPT_MAX, Pairing, asked_by
from signing.encoding import b64_encode, b64url_encode
from signing.keys import generate_key
from signing.log.leaf import Leaf, encode_leaf, parse_leaf
from signing.log.merkle import EMPTY_ROOT, leaf_hash
from signing.log.note import NoteSigner
from signing.records import Record

A, B = "sx/GOV/1/a", "sx/GOV/2/b"
ENV = b64url_encode(bytes(32))


def _leaf(k: str, sender: str | None = None, ref: bytes | None = None) -> Leaf:
    to = None if sender is None else (B if sender == A else A)
    raw = encode_leaf(
        k, 1, 1, ENV, sender=sender, to=to, svc=None if to is None else "s",
        ref=None if ref is None else b64url_encode(ref),
    )  # fmt: skip
    return parse_leaf(raw)


def _ask(pairing: Pairing, shard: int) -> bytes:
    leaf = _leaf("request", A)
    hash_ = leaf_hash(leaf.raw)
    pairing.ask(hash_, asked_by(leaf, shard, 0, bytes(16), bytes(32)))
    return hash_


def test_an_answer_in_an_earlier_log_than_its_request_is_paired() -> None:
    findings = Findings()
    pairing = Pairing(findings, several=True)
    request = _leaf("request", A)
    hash_ = leaf_hash(request.raw)
    pairing.answer(_leaf("response", B, hash_), 1, 5)
    pairing.ask(hash_, asked_by(request, 2, 0, bytes(16), bytes(32)))
    assert pairing.finish() == 0
    assert findings.listed == []


def test_a_delivery_noted_in_another_log_after_the_end_is_no_lie() -> None:
    findings = Findings()
    pairing = Pairing(findings, several=True)
    hash_ = _ask(pairing, 1)
    pairing.answer(_leaf("response", B, hash_), 1, 5)
    pairing.answer(_leaf("delivered", A, hash_), 2, 0)
    assert pairing.finish() == 0
    assert findings.listed == []


def _box(pairing: Pairing, request: bytes) -> bytes:
    """An answer that went to its consumer's mailbox; its leaf's hash."""
    leaf = _leaf("response", B, request)
    pairing.answer(leaf, 1, 5)
    pairing.box(leaf_hash(leaf.raw), asked_by(leaf, 1, 5, bytes(16), bytes(32)))
    return leaf_hash(leaf.raw)


@pytest.mark.parametrize("several", [False, True])
def test_a_consumer_confirms_its_answer_once(several: bool) -> None:
    findings = Findings()
    pairing = Pairing(findings, several=several)
    answer = _box(pairing, _ask(pairing, 1))
    pairing.answer(_leaf("dead", B, answer), 1, 6)
    told = pairing.answer(_leaf("delivered", B, answer), 1, 7)
    assert told is not None
    pairing.names(told, (bytes(16), ""))
    assert findings.listed == []
    pairing.answer(_leaf("delivered", B, answer), 1, 8)
    pairing.finish()
    assert [(one.code, one.index) for one in findings.listed] == [("answer-unpaired", 8)]


@pytest.mark.parametrize("several", [False, True])
def test_an_answer_of_nobodys_mailbox_is_confirmed_by_nobody(several: bool) -> None:
    findings = Findings()
    pairing = Pairing(findings, several=several)
    answer = _leaf("response", B, _ask(pairing, 1))
    pairing.answer(answer, 1, 5)
    pairing.answer(_leaf("delivered", B, leaf_hash(answer.raw)), 1, 6)
    boxed = _box(pairing, _ask(pairing, 1))
    pairing.answer(_leaf("interim", A, boxed), 1, 7)
    pairing.finish()
    assert {one.index for one in findings.listed} == {6, 7}


@pytest.mark.parametrize("several", [False, True])
def test_a_second_end_is_found(several: bool) -> None:
    findings = Findings()
    pairing = Pairing(findings, several=several)
    hash_ = _ask(pairing, 1)
    pairing.answer(_leaf("expired", A, hash_), 1, 5)
    pairing.answer(_leaf("response", B, hash_), 1, 6)
    pairing.finish()
    assert [(one.code, one.index) for one in findings.listed] == [("answer-unpaired", 6)]


def test_an_answer_from_a_third_party_is_found() -> None:
    findings = Findings()
    pairing = Pairing(findings, several=False)
    hash_ = _ask(pairing, 1)
    pairing.answer(_leaf("rejection", A, hash_), 1, 5)
    assert set(findings.counts) == {"answer-differs"}


_ACTS = st.lists(
    st.tuples(
        st.sampled_from(["ask", "response", "rejection", "interim", "delivered", "dead", "box"]),
        st.integers(0, 2),
        st.integers(1, 3),
    ),
    max_size=12,
)


@given(_ACTS, st.booleans())
def test_what_is_kept_on_disk_is_paired_as_if_it_was_at_hand(
    acts: list[tuple[str, int, int]], several: bool
) -> None:
    assert _paired(acts, several, kept_max=-1) == _paired(acts, several, kept_max=1_000)


def _same(act: tuple[str, int, int], before: tuple[str, int, int]) -> bool:
    return act[0] in ("ask", "box") and act[:2] == before[:2]


def _paired(acts: list[tuple[str, int, int]], several: bool, kept_max: int) -> object:
    """Findings by code, and exchanges still open; above ``kept_max`` things go to the disk.

    No leaf stands twice: each has random bytes of its own.
    """
    once = [act for at, act in enumerate(acts) if not any(_same(act, b) for b in acts[:at])]
    findings = Findings()
    rules = Rules(findings, several=several)
    with pytest.MonkeyPatch.context() as patch, Exchanges(rules) as exchanges:
        patch.setattr(sealway.verify.pairing, "KEPT_MAX", kept_max)
        pairing = Pairing(findings, several=several, exchanges=exchanges)
        shards = sorted(once, key=lambda act: act[2]) if several else once
        for index, (kind, which, shard) in enumerate(shards):
            asked = parse_leaf(encode_leaf("request", 1, 1, ENV, nonce=bytes([which] * 16)))
            place = shard if several else 1, index
            answer = parse_leaf(encode_leaf("response", 1, 1, ENV, nonce=bytes([which + 9] * 16)))
            if kind == "ask":
                pairing.ask(leaf_hash(asked.raw), asked_by(asked, *place, bytes(16), bytes(32)))
            elif kind == "box":
                pairing.box(leaf_hash(answer.raw), asked_by(answer, *place, bytes(16), bytes(32)))
            else:
                about = asked if which else answer
                pairing.answer(_leaf(kind, None, leaf_hash(about.raw)), *place)
        still_open = pairing.finish()
        return findings.counts, still_open


def test_many_exchanges_are_not_held_in_memory() -> None:
    findings = Findings()
    with Exchanges(Rules(findings, several=True)) as exchanges:
        pairing = Pairing(findings, several=True, exchanges=exchanges)
        hashes = [bytes([n >> 8, n & 255] * 16) for n in range(25_000)]
        for at, hash_ in enumerate(hashes):
            pairing.ask(hash_, asked_by(_leaf("request", A), 1, at, bytes(16), bytes(32)))
            pairing.answer(_leaf("interim"), 1, at)
            assert len(pairing.open) <= KEPT_MAX + 1
        answer = _leaf("response", B, hashes[0])
        for at, hash_ in enumerate(hashes[1:]):
            pairing.answer(replace(answer, ref=b64url_encode(hash_)), 2, at)
        assert pairing.finish() == 1
    assert set(findings.counts) == {"answer-unpaired"}, "the interim leaves name no request"
    assert findings.counts["answer-unpaired"] == len(hashes)


def test_a_version_lies_between_the_heads_before_and_after() -> None:
    anchors = [Anchor(size, bytes(32), 0, version) for size, version in ((0, 2), (4, 5), (9, 7))]
    bounds = VersionBounds(anchors, 8)
    assert [bounds.at(index) for index in (0, 3, 4, 8, 9)] == [
        (0, 5),
        (0, 5),
        (2, 7),
        (2, 7),
        (5, 8),
    ]


def _record(k: str, key: str, after: object) -> Record:
    return Record(k, 1, "bus", "bus", "x", "log", key, after=after)  # type: ignore[arg-type]


def _opened(listing: Listing, **changed: object) -> None:
    key = generate_key("Ed25519")
    origin = "sx.example/log/1"
    verifier = str(NoteSigner(origin, key).verifier)  # type: ignore[arg-type]
    after = {"n": 1, "origin": origin, "key": verifier, "holder": "bus", "state": "open"}
    listing.add_shard(_record("shard", origin, {**after, **changed}), _leaf("shard"), 2)


def test_a_log_is_closed_by_its_record_and_never_opened_again() -> None:
    findings = Findings()
    listing = Listing("sx.example", findings)
    _opened(listing)
    log = listing.logs[1]
    closing = {"state": "closed", "size": 7, "root": b64_encode(bytes(32))}
    _opened(listing, key=str(log.verifier), **closing)
    assert log.ended is not None
    assert (log.state, log.ended.size) == ("closed", 7)
    _opened(listing, key=str(log.verifier))
    assert [one.code for one in findings.listed] == ["record-malformed"]


@pytest.mark.parametrize(
    "changed",
    [
        {"n": 2},
        {"n": True},
        {"origin": "other/log/1"},
        {"key": "rubbish"},
        {"key": 7},
        {"state": "ajar"},
        {"state": "closed"},
    ],
)
def test_a_log_that_is_not_described_properly_is_not_listed_or_not_closed(
    changed: dict[str, object],
) -> None:
    findings = Findings()
    listing = Listing("sx.example", findings)
    _opened(listing, **changed)
    assert [one.code for one in findings.listed] == ["record-malformed"]
    assert listing.logs == {}


def test_heads_are_read_strictly_and_their_gaps_reported() -> None:
    findings = Findings()
    listing = Listing("sx.example", findings)
    _opened(listing)
    good = {"n": 1, "size": 0, "root": b64_encode(EMPTY_ROOT)}
    for after in ([good], [{**good, "size": 1}], [{**good, "root": "x"}], [7], {"n": 1}, None):
        listing.add_heads(_record("heads", "heads", after), _leaf("heads"), 3)
    assert findings.counts["heads-malformed"] == 5
    late = parse_leaf(encode_leaf("heads", 400_000, 1, ENV))
    listing.add_heads(_record("heads", "heads", [good]), late, 9)
    assert [one.index for one in findings.listed if one.code == "heads-gap"] == [9]
