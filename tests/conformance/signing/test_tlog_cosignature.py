"""Cosignatures against the examples of C2SP tlog-cosignature and of another implementation.

The published signatures' keys aren't published, or their checkpoints aren't; so whole cosignatures
are computed here a second time, with nothing of `signing`.
"""

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from signing.errors import ProofInvalid
from signing.log.checkpoint import parse_checkpoint, verify_checkpoint
from signing.log.cosignature import (
    Cosigner,
    cosigned_message,
    parse_cosignature,
    parse_cosignature_key,
    verify_cosignature,
)
from signing.log.note import NoteSigner, note_signatures, note_text, parse_verifier_key

# C2SP tlog-cosignature, its opening example.
SOFA = """example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJ\
urmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJs\
X3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
"""
SOFA_MESSAGE = b"""cosignature/v1
time 1679315147
example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
"""
# github.com/transparency-dev/formats, note: a witness's key, a cosignature and its time.
REMORA = "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2"
TIMED = (
    "ZGhGuQAAAABm/qTPeyKXD+R2rzyQsxPiP8mXum7qq/iF0u4vanlqJyocWODBt97w9uL+8qT7S5gxEHWWOworDcFiEBYJ"
    "XORmnFBOBA=="
)
UNTIMED = (
    "eQjRQm6eSKzFoiYalgwCPXu2y3ijtg68is9M46JKxuZB+dRfTmeQeDBoXnvxZx2ugnkyV+MUMLXpWs1hPb/W/4xkNQY="
)

LOG = NoteSigner("sx.example/log/0", ed25519.Ed25519PrivateKey.from_private_bytes(b"l" * 32))
NAME = "witness.example/w1"
TEXT = "sx.example/log/0\n3\n" + base64.b64encode(b"r" * 32).decode() + "\n"
TIME_S = 1_679_315_147


def computed(text: str, time_s: int, secret: bytes = b"w" * 32, name: str = NAME) -> str:
    """A cosignature's line by the specification alone."""
    key = ed25519.Ed25519PrivateKey.from_private_bytes(secret)
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    key_id = hashlib.sha256(name.encode() + b"\x0a\x04" + public).digest()[:4]
    signature = key.sign(b"cosignature/v1\ntime %d\n" % time_s + text.encode())
    data = key_id + time_s.to_bytes(8, "big") + signature
    return f"\u2014 {name} {base64.b64encode(data).decode()}\n"


COSIGNER = Cosigner(NAME, ed25519.Ed25519PrivateKey.from_private_bytes(b"w" * 32))


def test_the_published_cosignature_is_read() -> None:
    (_, (name, signature)) = note_signatures(SOFA)
    cosignature = parse_cosignature(signature)
    assert (name, cosignature.key_hash.hex()) == ("witness.example.com/w1", "8d66cf3f")
    assert cosignature.time_s == 1_679_315_147
    assert cosigned_message(note_text(SOFA), cosignature.time_s) == SOFA_MESSAGE
    assert parse_checkpoint(note_text(SOFA)).size == 20_852_163


def test_another_implementations_key_and_time_are_read() -> None:
    assert str(parse_cosignature_key(REMORA)) == REMORA
    assert parse_cosignature(base64.b64decode(TIMED)).time_s == 1_727_964_367
    with pytest.raises(ProofInvalid):
        parse_cosignature(base64.b64decode(UNTIMED))


def test_a_cosignature_is_what_the_specification_says_byte_for_byte() -> None:
    note = LOG.sign(TEXT)
    assert COSIGNER.cosign(note, TIME_S) == computed(TEXT, TIME_S)


def test_a_cosigned_note_verifies_for_the_log_and_for_the_witness() -> None:
    note = LOG.sign(TEXT) + computed(TEXT, TIME_S)
    assert verify_cosignature(note, COSIGNER.verifier) == TIME_S
    assert verify_checkpoint(note, LOG.verifier).size == 3
    assert verify_cosignature(note + computed(TEXT, TIME_S + 60), COSIGNER.verifier) == TIME_S + 60


def test_extension_lines_are_signed_too() -> None:
    text = TEXT + "an extension\n"
    assert verify_cosignature(LOG.sign(text) + computed(text, 0), COSIGNER.verifier) == 0
    with pytest.raises(ProofInvalid):
        verify_cosignature(LOG.sign(text) + computed(TEXT, 0), COSIGNER.verifier)


@pytest.mark.parametrize(
    "line",
    [
        "",
        computed(TEXT, TIME_S, secret=b"x" * 32),
        computed(TEXT, TIME_S, name="witness.example/w2"),
        computed(TEXT.replace("\n3\n", "\n4\n"), TIME_S),
        computed(TEXT, TIME_S) + computed(TEXT.replace("\n3\n", "\n4\n"), TIME_S),
    ],
)
def test_without_a_true_cosignature_of_that_witness_it_is_refused(line: str) -> None:
    with pytest.raises(ProofInvalid):
        verify_cosignature(LOG.sign(TEXT) + line, COSIGNER.verifier)


def test_a_cosignature_whose_time_was_changed_is_refused() -> None:
    name, _, encoded = computed(TEXT, TIME_S)[2:].strip().partition(" ")
    data = bytearray(base64.b64decode(encoded))
    data[11] ^= 1
    line = f"\u2014 {name} {base64.b64encode(bytes(data)).decode()}\n"
    with pytest.raises(ProofInvalid):
        verify_cosignature(LOG.sign(TEXT) + line, COSIGNER.verifier)
    data[4] = 0x80  # beyond 2^63 - 1
    with pytest.raises(ProofInvalid):
        parse_cosignature(bytes(data))


def test_a_logs_key_is_no_witnesss_key_and_the_reverse() -> None:
    with pytest.raises(ProofInvalid):
        parse_cosignature_key(str(LOG.verifier))
    with pytest.raises(ProofInvalid):
        parse_verifier_key(REMORA)
    with pytest.raises(ProofInvalid):
        parse_cosignature_key(REMORA.replace("da77ade7", "da77ade8"))
