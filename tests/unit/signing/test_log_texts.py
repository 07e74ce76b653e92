"""Leaves, notes, checkpoints, proofs and receipts: what a holder of a receipt relies on."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from hypothesis import given
from hypothesis import strategies as st

from signing.envelope import verify_envelope
from signing.errors import ProofInvalid
from signing.log.checkpoint import Checkpoint, parse_checkpoint, sign_checkpoint, verify_checkpoint
from signing.log.leaf import (
    BARE_KINDS,
    LEAF_BYTES_MAX,
    LOG_0_KINDS,
    TRAFFIC_KINDS,
    Leaf,
    commit_to,
    encode_leaf,
    new_leaf_salt,
    parse_leaf,
    parse_leaf_slowly,
)
from signing.log.merkle import inclusion_proof, leaf_hash, merkle_root
from signing.log.note import NoteSigner, parse_verifier_key, verify_note
from signing.log.proof import LogProof, encode_proof, parse_proof
from signing.receipts import encode_receipt, parse_receipt, verify_message_receipt, verify_receipt
from tests.support.published import Directory, published

LOG = published("log.json")
ORIGIN = LOG["origin"]
SIGNER = NoteSigner(ORIGIN, ed25519.Ed25519PrivateKey.generate())
OTHER = NoteSigner(ORIGIN, ed25519.Ed25519PrivateKey.generate())
ENV = commit_to(bytes(32), b"act")
LINES = st.text("ab \n+—:0", max_size=20)


@pytest.mark.parametrize("kind", sorted(TRAFFIC_KINDS))
def test_a_traffic_leaf_comes_back(kind: str) -> None:
    raw = encode_leaf(kind, 5, 7, ENV, sender="a/b/c/d", to="e/f/g/h", svc="s", grant="g", ref=ENV)
    leaf = parse_leaf(raw)
    assert (leaf.k, leaf.ts_ms, leaf.reg, leaf.env, leaf.ref) == (kind, 5, 7, ENV, ENV)
    assert (leaf.sender, leaf.to, leaf.svc, leaf.grant) == ("a/b/c/d", "e/f/g/h", "s", "g")
    assert leaf.raw == raw


@pytest.mark.parametrize("kind", sorted(LOG_0_KINDS))
def test_a_leaf_of_log_0_comes_back_and_directory_leaves_name_nobody(kind: str) -> None:
    assert parse_leaf(encode_leaf(kind, 5, 7, ENV)).k == kind
    naming = encode_leaf(kind, 5, 7, ENV, sender="a/b/c/d")
    if kind in BARE_KINDS:
        with pytest.raises(ProofInvalid):
            parse_leaf(naming)
    else:
        assert parse_leaf(naming).sender == "a/b/c/d"


def test_a_test_leaf_says_so() -> None:
    assert parse_leaf(encode_leaf("request", 1, 1, ENV, test=True)).test
    assert not parse_leaf(encode_leaf("request", 1, 1, ENV)).test


def test_the_longest_names_fit_a_leaf() -> None:
    longest = {"sender": "s" * 255, "to": "t" * 255, "svc": "v" * 70, "grant": "g" * 16}
    raw = encode_leaf("acknowledgement", 2**53 - 1, 2**53 - 1, ENV, test=True, ref=ENV, **longest)
    assert len(raw) <= LEAF_BYTES_MAX
    assert parse_leaf(raw).to == "t" * 255


def test_two_leaves_of_the_same_act_differ() -> None:
    assert encode_leaf("request", 1, 1, ENV) != encode_leaf("request", 1, 1, ENV)
    assert new_leaf_salt() != new_leaf_salt()


@given(st.binary(max_size=100))
def test_any_bytes_are_a_leaf_or_refused_as_one(data: bytes) -> None:
    with pytest.raises(ProofInvalid):
        parse_leaf(data)


@given(st.sampled_from(LOG["leaves"]), st.data())
def test_a_leaf_with_bytes_changed_is_read_or_refused_as_one(
    entry: dict[str, str], data: st.DataObject
) -> None:
    raw = entry["leaf"].encode()
    at = data.draw(st.integers(0, len(raw) - 1))
    changed = raw[:at] + data.draw(st.binary(max_size=2)) + raw[at + 1 :]
    try:
        leaf = parse_leaf(changed)
    except ProofInvalid:
        return
    assert leaf.raw == changed


_ODD = st.sampled_from(
    [
        *(b"0", b"00", b"1e5", b"-1", b"9" * 16, b"A", b"B", b'"', b"\\", b"\x7f", b"\n", b" "),
        *(b'"test":true,', b'"test":false,', b'"ref":"' + ENV.encode() + b'",', b"\xc3\xa9"),
    ]
)


@given(
    st.sampled_from(sorted(TRAFFIC_KINDS | LOG_0_KINDS)),
    st.integers(0, 1),
    st.lists(st.tuples(st.floats(0, 1), _ODD, st.integers(0, 12)), max_size=2),
)
def test_a_leaf_is_read_the_same_by_one_expression_and_by_way_of_json(
    kind: str, names: int, changes: list[tuple[float, bytes, int]]
) -> None:
    named = {"sender": "a/b", "to": "c d", "svc": "s", "grant": "g", "ref": ENV} if names else {}
    raw = encode_leaf(kind, 5, 10, ENV, **named)  # type: ignore[arg-type]
    for where, put, gone in changes:
        at = int(where * len(raw))
        raw = raw[:at] + put + raw[at + gone :]
    assert _outcome(parse_leaf, raw) == _outcome(parse_leaf_slowly, raw)


def _outcome(parse: Callable[[bytes], Leaf], raw: bytes) -> Leaf | str:
    try:
        return parse(raw)
    except ProofInvalid as error:
        return error.detail


@given(LINES.filter(lambda text: text.count("\n") < 9))
def test_a_note_is_verified_with_its_key_alone(text: str) -> None:
    note = SIGNER.sign(text + "\n")
    assert verify_note(note, SIGNER.verifier) == text + "\n"
    with pytest.raises(ProofInvalid):
        verify_note(note, OTHER.verifier)


def test_signatures_of_others_do_not_matter() -> None:
    note = SIGNER.sign("text\n")
    cosigned = note + NoteSigner("witness.example", ed25519.Ed25519PrivateKey.generate()).sign(
        "text\n"
    ).removeprefix("text\n\n")
    assert verify_note(cosigned, SIGNER.verifier) == "text\n"


@given(st.text(max_size=60) | LINES | st.text("—\n AZaz+/=", max_size=60))
def test_any_text_is_a_note_a_proof_a_receipt_a_key_or_refused_as_one(text: str) -> None:
    with pytest.raises(ProofInvalid):
        verify_note(text, SIGNER.verifier)
    with pytest.raises(ProofInvalid):
        verify_checkpoint(text, SIGNER.verifier)
    with pytest.raises(ProofInvalid):
        parse_verifier_key(text)
    with pytest.raises(ProofInvalid):
        verify_receipt(text, b"act", SIGNER.verifier)
    for read in (parse_proof, parse_receipt, parse_checkpoint):
        try:
            assert read(text)
        except ProofInvalid:
            continue


@pytest.mark.parametrize("character", ["\ud800", "\0", "\r", "\t", "\x1b"])
def test_a_note_with_a_control_character_or_half_a_surrogate_is_refused(character: str) -> None:
    with pytest.raises(ProofInvalid):
        verify_note(SIGNER.sign("text\n").replace("text", f"te{character}xt"), SIGNER.verifier)


@given(st.integers(0, 10**15), st.binary(min_size=32, max_size=32))
def test_a_checkpoint_comes_back(size: int, root: bytes) -> None:
    checkpoint = Checkpoint(ORIGIN, size, root)
    assert parse_checkpoint(checkpoint.text) == checkpoint
    assert verify_checkpoint(sign_checkpoint(checkpoint, SIGNER), SIGNER.verifier) == checkpoint


def test_a_checkpoint_of_another_origin_is_refused_although_the_key_signed_it() -> None:
    foreign = Checkpoint("other.example/log/1", 1, bytes(32))
    with pytest.raises(ProofInvalid, match="origin"):
        verify_checkpoint(SIGNER.sign(foreign.text), SIGNER.verifier)


@given(
    st.binary(max_size=30),
    st.integers(0, 10**15),
    st.lists(st.binary(min_size=32, max_size=32), max_size=64),
)
def test_a_proof_comes_back(extra: bytes, index: int, path: list[bytes]) -> None:
    proof = LogProof(extra, index, tuple(path), "checkpoint\n\nwith an empty line\n")
    assert parse_proof(encode_proof(proof)) == proof


@given(st.integers(1, 40), st.data())
def test_a_receipt_proves_its_act_and_no_other(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    text = receipt(size, index)
    verified = verify_receipt(text, b"act %d" % index, SIGNER.verifier)
    assert (verified.index, verified.log, verified.checkpoint.size) == (index, ORIGIN, size)
    with pytest.raises(ProofInvalid, match="other bytes"):
        verify_receipt(text, b"another act", SIGNER.verifier)
    with pytest.raises(ProofInvalid):
        verify_receipt(text, b"act %d" % index, OTHER.verifier)


def receipt(size: int, index: int) -> str:
    salts = [bytes([number]) * 32 for number in range(size)]
    leaves = [
        encode_leaf("request", number, 1, commit_to(salt, b"act %d" % number))
        for number, salt in enumerate(salts)
    ]
    hashes = [leaf_hash(leaf) for leaf in leaves]

    def node_at(level: int, number: int) -> bytes:
        return merkle_root(hashes[number << level : (number + 1) << level])

    path = tuple(inclusion_proof(index, size, node_at))
    note = sign_checkpoint(Checkpoint(ORIGIN, size, merkle_root(hashes)), SIGNER)
    return encode_receipt(leaves[index], salts[index], index, path, note)


def test_a_receipt_names_the_log_whose_key_to_check_it_with() -> None:
    assert parse_receipt(receipt(3, 1)).origin == ORIGIN
    assert parse_receipt(receipt(3, 1)).index == 1


def test_a_receipt_whose_leaf_tells_another_story_is_refused() -> None:
    envelope = verify_envelope(published("messages.json")[0]["envelope"].encode(), Directory())
    verifier = parse_verifier_key(LOG["verifier_key"])
    text = LOG["leaves"][0]["receipt"]
    assert verify_message_receipt(text, envelope, verifier).leaf.k == "request"
    stories = [
        replace(envelope.manifest, kind="event"),
        replace(envelope.manifest, sender="sx/GOV/9/x"),
        replace(envelope.manifest, to="sx/GOV/9/x"),
        replace(envelope.manifest, service="other"),
        replace(envelope.manifest, test=True),
    ]
    for manifest in stories:
        with pytest.raises(ProofInvalid, match="another kind, party or service"):
            verify_message_receipt(text, replace(envelope, manifest=manifest), verifier)
