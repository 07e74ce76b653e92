"""``signing/vectors/*.json`` but the invalid ones: what we read, and what we would write."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from signing.at_rest import EpochKeys, SealedContent, SealedEnvelope, open_content, open_envelope
from signing.certificates import parse_certificate, thumbprint
from signing.encoding import b64url_decode, b64url_encode, parse_time, sha256
from signing.envelope import check_in_force, decode_envelope, message_digest, seal, verify_envelope
from signing.keys import ED25519, LocalSigner, Thumbprint
from signing.log.checkpoint import parse_checkpoint, sign_checkpoint, verify_checkpoint
from signing.log.leaf import commit_to, encode_leaf, parse_leaf
from signing.log.merkle import leaf_hash, merkle_root, verify_consistency, verify_inclusion
from signing.log.note import NoteSigner, parse_verifier_key
from signing.log.tiles import encode_entries, node_in_tile, parse_entries
from signing.manifest import encode_manifest, parse_manifest
from signing.message import (
    Parts,
    check_parts,
    encode_delivery,
    encode_frame,
    parse_delivery,
    parse_frame,
    part_commitment,
    part_key,
)
from signing.receipts import encode_receipt, parse_receipt, verify_message_receipt
from signing.records import object_hash, verify_record
from signing.tokens import Call, verify_token
from tests.support.published import FOLDER, Directory, published, unb64
from tests.support.vectors import invalid_logs, invalid_manifests, make
from tests.support.vectors.logs import long_content

MESSAGES = published("messages.json")
LOG = published("log.json")
NOT_AS_WE_WRITE = {
    "white-space-and-another-order",
    "members-written-with-escapes",
    "an-envelope-of-7168-bytes",
    "header-names-ed25519-by-its-older-name",
}


def named(message: dict[str, Any]) -> str:
    return str(message["name"])


def message(name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(m for m in MESSAGES if m["name"] == name)
    return found


def holder(name: str) -> dict[str, Any]:
    holders = published("keys.json")["holders"]
    found: dict[str, Any] = next(h for h in holders if h["name"] == name)
    return found


@pytest.mark.parametrize("vector", MESSAGES, ids=named)
def test_a_message_is_read_and_all_that_follows_from_it_is_the_same(vector: dict[str, Any]) -> None:
    raw, parts = parse_frame(unb64(vector["frame"]))
    envelope = verify_envelope(raw, Directory())
    assert raw == vector["envelope"].encode()
    assert decode_envelope(raw).payload == vector["manifest"].encode()
    assert envelope.digest == vector["digest"] == message_digest(vector["manifest"].encode())
    assert envelope.certificate.x5t == holder(vector["signed_by"])["x5t"]
    assert check_parts(envelope.manifest, parts) is parts
    assert parts == Parts(unb64(vector["salt"]), tuple(unb64(p["data"]) for p in vector["parts"]))
    assert encode_frame(raw, parts) == unb64(vector["frame"])
    check_in_force(envelope.certificate, parse_time(published("keys.json")["now"]))


@pytest.mark.parametrize("vector", MESSAGES, ids=named)
def test_a_part_has_the_key_and_the_commitment_published(vector: dict[str, Any]) -> None:
    salt = b64url_decode(vector["salt"], 32)
    specs = parse_manifest(vector["manifest"].encode()).parts
    for spec, part in zip(specs, vector["parts"], strict=True):
        assert part_key(salt, part["name"]) == unb64(part["key"])
        assert part_commitment(salt, part["name"], unb64(part["data"])) == part["commit"]
        assert (spec.name, spec.commit) == (part["name"], part["commit"])


@pytest.mark.parametrize("vector", MESSAGES, ids=named)
def test_our_own_writer_makes_the_manifest_published(vector: dict[str, Any]) -> None:
    written = encode_manifest(parse_manifest(vector["manifest"].encode()))
    assert parse_manifest(written) == parse_manifest(vector["manifest"].encode())
    if vector["name"] not in NOT_AS_WE_WRITE | {"event", "every-optional-member"}:
        assert written.decode() == vector["manifest"]


@pytest.mark.parametrize("vector", MESSAGES, ids=named)
def test_our_own_ed25519_signer_makes_the_envelope_published(vector: dict[str, Any]) -> None:
    owner = holder(vector["signed_by"])
    if owner["alg"] != ED25519 or vector["name"] in NOT_AS_WE_WRITE:
        assert verify_envelope(vector["envelope"].encode(), Directory()).certificate
        return
    key = ed25519.Ed25519PrivateKey.from_private_bytes(unb64(owner["jwk"]["d"]))
    signer = LocalSigner(key, Thumbprint(owner["x5t"]))
    iat_s = decode_envelope(vector["envelope"].encode()).iat_s
    assert seal(vector["manifest"].encode(), signer, iat_s) == vector["envelope"].encode()


def test_there_is_a_message_of_each_kind_and_the_answers_are_about_the_request() -> None:
    manifests = [parse_manifest(m["manifest"].encode()) for m in MESSAGES[:7]]
    kinds = ["request", "response", "interim", "rejection", "acknowledgement", "cancel", "event"]
    assert [m.kind for m in manifests] == kinds
    request = message("request")
    for manifest in manifests[1:6]:
        assert manifest.about is not None
        assert (manifest.about.id, manifest.about.digest) == (manifests[0].id, request["digest"])


def test_the_longest_envelope_has_the_most_bytes_there_may_be() -> None:
    assert len(message("an-envelope-of-7168-bytes")["envelope"]) == 7168


@pytest.mark.parametrize("owner", published("keys.json")["holders"], ids=named)
def test_a_certificate_is_read_as_published(owner: dict[str, Any]) -> None:
    certificate = parse_certificate(unb64(owner["certificate"]))
    assert certificate.x5t == owner["x5t"] == thumbprint(unb64(owner["certificate"]))
    assert certificate.alg == owner["alg"]
    assert certificate.not_before_ms == parse_time(owner["not_before"])
    assert certificate.not_after_ms == parse_time(owner["not_after"])


@pytest.mark.parametrize("vector", LOG["leaves"], ids=lambda leaf: leaf["message"])
def test_a_leaf_commits_to_its_message_and_is_written_the_same(vector: dict[str, str]) -> None:
    raw = vector["leaf"].encode()
    leaf = parse_leaf(raw)
    salt = unb64(vector["salt"])
    assert leaf.env == commit_to(salt, message(vector["message"])["envelope"].encode())
    assert leaf_hash(raw) == unb64(vector["leaf_hash"])
    nonce = b64url_decode(raw.split(b'"n":"')[1][:22], 16)
    written = encode_leaf(
        leaf.k,
        leaf.ts_ms,
        leaf.reg,
        leaf.env,
        sender=leaf.sender,
        to=leaf.to,
        svc=leaf.svc,
        grant=leaf.grant,
        test=leaf.test,
        ref=leaf.ref,
        nonce=nonce,
    )
    assert written == raw


@pytest.mark.parametrize("vector", LOG["leaves"], ids=lambda leaf: leaf["message"])
def test_a_receipt_proves_its_message(vector: dict[str, str]) -> None:
    envelope = verify_envelope(message(vector["message"])["envelope"].encode(), Directory())
    verified = verify_message_receipt(
        vector["receipt"], envelope, parse_verifier_key(LOG["verifier_key"])
    )
    assert verified.leaf.raw.decode() == vector["leaf"]
    assert verified.log == LOG["origin"]
    receipt = parse_receipt(vector["receipt"])
    again = encode_receipt(
        receipt.leaf, receipt.salt, receipt.index, receipt.proof.path, receipt.proof.checkpoint
    )
    assert again == vector["receipt"]


@pytest.mark.parametrize(
    "vector", published("deliveries.json"), ids=lambda delivery: delivery["message"]
)
def test_a_delivery_holds_the_receipt_and_the_frame(vector: dict[str, str]) -> None:
    receipt, frame = parse_delivery(unb64(vector["delivery"]))
    entry = next(leaf for leaf in LOG["leaves"] if leaf["message"] == vector["message"])
    assert receipt == entry["receipt"]
    assert frame == unb64(message(vector["message"])["frame"])
    assert encode_delivery(receipt, frame) == unb64(vector["delivery"])


def test_the_tree_has_the_roots_and_the_tile_published() -> None:
    leaves = [entry["leaf"].encode() for entry in LOG["leaves"]]
    hashes = [leaf_hash(leaf) for leaf in leaves]
    roots = [merkle_root(hashes[:size]) for size in range(len(hashes) + 1)]
    assert roots == [unb64(root) for root in LOG["roots"]]
    assert b"".join(hashes) == unb64(LOG["tile"])
    assert node_in_tile(unb64(LOG["tile"]), 4, 2) == merkle_root(hashes[4:6])
    assert encode_entries(leaves) == unb64(LOG["entries"])
    assert list(parse_entries(unb64(LOG["entries"]))) == leaves


def test_each_inclusion_proof_leads_to_its_root() -> None:
    hashes = [unb64(entry["leaf_hash"]) for entry in LOG["leaves"]]
    for proof in LOG["inclusion"]:
        index, size = proof["index"], proof["size"]
        path = [unb64(hash_) for hash_ in proof["path"]]
        verify_inclusion(hashes[index], index, size, path, unb64(LOG["roots"][size]))
    assert len(LOG["inclusion"]) == 28


def test_each_consistency_proof_leads_from_root_to_root() -> None:
    roots = [unb64(root) for root in LOG["roots"]]
    for proof in LOG["consistency"]:
        old, new = proof["old"], proof["new"]
        path = [unb64(hash_) for hash_ in proof["proof"]]
        verify_consistency(old, roots[old], new, roots[new], path)
    assert len(LOG["consistency"]) == 28


def test_the_checkpoint_is_the_note_that_our_own_signer_makes() -> None:
    key = ed25519.Ed25519PrivateKey.from_private_bytes(unb64(LOG["seed"]))
    signer = NoteSigner(LOG["origin"], key)
    checkpoint = verify_checkpoint(LOG["checkpoint"], signer.verifier)
    assert str(signer.verifier) == LOG["verifier_key"]
    assert sign_checkpoint(checkpoint, signer) == LOG["checkpoint"]
    assert parse_checkpoint(checkpoint.text) == checkpoint
    assert checkpoint.root == unb64(LOG["roots"][7])


@pytest.mark.parametrize("vector", published("records.json"), ids=named)
def test_a_record_is_the_buss_own_word(vector: dict[str, str]) -> None:
    verified = verify_record(vector["jws"].encode(), Directory())
    assert decode_payload(vector["jws"]) == vector["payload"].encode()
    assert verified.certificate.system == published("keys.json")["bus"]
    assert verified.record.after is not None


def decode_payload(jws: str) -> bytes:
    return unb64(jws.split(".")[1])


def test_a_records_before_is_the_hash_of_the_object_as_it_was() -> None:
    vector = next(r for r in published("records.json") if r["name"] == "change")
    record = verify_record(vector["jws"].encode(), Directory()).record
    before = {"state": "active", "name": "Benefits", "id": "sx/GOV/1001"}
    assert record.before == object_hash(before)


def test_a_token_holds_for_its_call() -> None:
    vector = published("tokens.json")
    verified = verify_token(vector["token"], Call(**vector["call"]), Directory(), vector["now_s"])
    assert verified.jti == vector["jti"]
    assert verified.expires_s == vector["now_s"] + 30


def test_stored_bytes_open_to_what_was_stored() -> None:
    at_rest = published("at-rest.json")
    vector = {name: unb64(value) for name, value in at_rest.items() if type(value) is str}
    epochs = EpochKeys(at_rest["epoch"], {at_rest["epoch"]: vector["epoch_key"]})
    sealed = SealedEnvelope(
        vector["sealed_envelope"], vector["wrapped_envelope_key"], vector["wrapped_leaf_salt"]
    )
    stored = message(at_rest["message"])
    envelope, leaf_salt = open_envelope(sealed, vector["id"], epochs)
    assert envelope == stored["envelope"].encode()
    assert leaf_salt == vector["leaf_salt"]
    assert epochs.wrap(vector["content_key"]) == vector["wrapped_content_key"]
    content = SealedContent(vector["sealed_content"], vector["wrapped_content_key"])
    sizes = [len(unb64(part["data"])) for part in stored["parts"]]
    parts = open_content(content, sizes, vector["id"], epochs)
    assert encode_frame(envelope, parts) == unb64(stored["frame"])


def test_content_of_more_than_a_chunk_opens_to_what_was_stored() -> None:
    at_rest = published("at-rest.json")
    long, (salt, part, sealed) = at_rest["long_content"], long_content()
    assert (len(sealed), b64url_encode(sha256(sealed))) == (
        long["sealed_bytes"],
        long["sealed_sha256"],
    )
    epochs = EpochKeys(at_rest["epoch"], {at_rest["epoch"]: unb64(at_rest["epoch_key"])})
    stored = SealedContent(sealed, unb64(at_rest["wrapped_content_key"]))
    opened = open_content(stored, [len(part)], unb64(at_rest["id"]), epochs)
    assert opened == Parts(salt, (part,))
    assert b64url_encode(sha256(part)) == long["part_sha256"]


def test_the_files_are_what_the_second_implementation_writes() -> None:
    written = {name: make.text(value) for name, value in make.files().items()}
    held = {path.name: path.read_text(encoding="ascii") for path in FOLDER.glob("*.json")}
    assert written == held


def test_what_the_invalid_vectors_change_was_valid_before() -> None:
    assert parse_manifest(invalid_manifests.unchanged()).kind == "request"
    assert parse_leaf(invalid_logs.unchanged()).k == "policy"
