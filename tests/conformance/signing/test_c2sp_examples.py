"""Notes, verifier keys, checkpoints, proofs and tile paths against the examples of C2SP."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from signing.errors import ProofInvalid
from signing.log.checkpoint import parse_checkpoint
from signing.log.note import NoteSigner, note_text, parse_verifier_key, verify_note
from signing.log.proof import LogProof, encode_proof, parse_proof
from signing.log.tiles import tile_number_path, tile_of

# golang.org/x/mod/sumdb/note, the package's documentation: what C2SP signed-note describes.
VERIFIER_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
SIGNER_KEY = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
TEXT = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
)
NOTE = (
    f"{TEXT}\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgK"
    "vqfqdngotpRZb6KE6RyyBwJnAM=\n"
)

# Verifier keys that other implementations publish.
OTHER_KEYS = [
    "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",  # C2SP signed-note
    "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop",  # golang.org/x/mod
    "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",  # cmd/go
]

# C2SP signed-note and tlog-checkpoint, their opening examples; their keys are not published.
SALVATORE = """Ognuno sta solo sul cuor della terra
trafitto da un raggio di sole:

ed è subito sera.

— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5dd\
nGITLlC+EhfLW9oJKONrMouFSQU0mxMcXxj99ihAQwaqP3ZekRwNtIc=
"""
SOFA = """example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJ\
urmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
"""

# C2SP tlog-proof, its opening example; its signatures and its extra data are cut short there.
PROOF = """c2sp.org/tlog-proof@v1
index 73894
gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=
B95lDa8R83lS8n0eG+o0buTxRKQTYFi//1U8anccXmA=
EKNzoDWG8LGC0Yp9o+sv3qllpMP9uHQ9B20KNL+Q1zs=
RoopEkOdqkYqMB4MJXrbt/hMjOxsVn0IrWjpz1ZMMes=
AHCioX9nLjsrse6YhjRRmk1WUEirVOLLRoOQ6vfO5vk=

example.com/fancylog
109482
sFodV/vSp5O8n9a8QpW6PRY97tfOSW5bsc2Xl/EQi08=

— example.com/fancylog hI2DJw==
"""


def test_the_published_note_verifies_and_signing_it_again_gives_the_same() -> None:
    verifier = parse_verifier_key(VERIFIER_KEY)
    assert str(verifier) == VERIFIER_KEY
    assert verify_note(NOTE, verifier) == TEXT
    secret = base64.b64decode(SIGNER_KEY)[1:]
    signer = NoteSigner("PeterNeumann", ed25519.Ed25519PrivateKey.from_private_bytes(secret))
    assert signer.verifier == verifier
    assert signer.sign(TEXT) == NOTE


def test_the_published_note_with_one_letter_changed_is_refused() -> None:
    with pytest.raises(ProofInvalid):
        verify_note(NOTE.replace("cryptography", "cryptographY"), parse_verifier_key(VERIFIER_KEY))


@pytest.mark.parametrize("text", OTHER_KEYS)
def test_published_verifier_keys_are_read_and_written_the_same(text: str) -> None:
    assert str(parse_verifier_key(text)) == text


def test_a_notes_text_may_hold_empty_lines_and_letters_beyond_ascii() -> None:
    assert note_text(SALVATORE) == SALVATORE.rsplit("\n\n", 1)[0] + "\n"
    assert "\n\n" in note_text(SALVATORE)


def test_the_published_checkpoint_is_read() -> None:
    checkpoint = parse_checkpoint(note_text(SOFA))
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20_852_163)
    assert checkpoint.text == note_text(SOFA)


def test_the_published_proof_is_read_and_written_the_same() -> None:
    proof = parse_proof(PROOF)
    assert (proof.extra, proof.index, len(proof.path)) == (b"", 73_894, 5)
    assert parse_checkpoint(note_text(proof.checkpoint)).size == 109_482
    assert encode_proof(proof) == PROOF


def test_a_proof_with_extra_data_has_it_on_the_second_line() -> None:
    proof = LogProof(b"extra", 0, (), "checkpoint")
    assert encode_proof(proof).splitlines()[1] == "extra ZXh0cmE="
    assert parse_proof(encode_proof(proof)) == proof


@pytest.mark.parametrize(
    ("number", "path"),
    [(1_234_067, "x001/x234/067"), (0, "000"), (999, "999"), (1_000, "x001/000")],
)
def test_tile_numbers_are_written_as_in_tlog_tiles(number: int, path: str) -> None:
    assert tile_number_path(number) == path


def test_a_tree_of_70000_has_the_tiles_that_tlog_tiles_names() -> None:
    last = [(size - 1, level) for level, size in enumerate((70_000, 273, 1))]
    tiles = [tile_of(8 * level, index)[:3] for index, level in last]
    # 273 full tiles and 112 hashes; one full tile and 17; one of one hash.
    assert tiles == [(0, 273, 111), (1, 1, 16), (2, 0, 0)]
