"""Trust policies: the specification's own example (c2sp.org/tlog-policy), and each of its rules."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from signing.errors import ProofInvalid
from signing.log.checkpoint import Checkpoint, sign_checkpoint
from signing.log.cosignature import Cosigner
from signing.log.merkle import EMPTY_ROOT
from signing.log.note import NoteSigner
from signing.log.policy import parse_policy, verify_cosigned

ORIGIN = "sx.example/log/0"
LOG = NoteSigner(ORIGIN, ed25519.Ed25519PrivateKey.generate())
WITNESSES = {
    name: Cosigner(f"witness.example/{name}", ed25519.Ed25519PrivateKey.generate())
    for name in ("X1", "X2", "X3", "Y1", "Y2", "Y3")
}
NAMED = "".join(f"witness {name} {one.verifier}\n" for name, one in WITNESSES.items())
EXAMPLE = (
    f"log {LOG.verifier}\n\n{NAMED}"
    "group X-witnesses 2 X1 X2 X3\n"
    "group Y-witnesses any Y1 Y2 Y3\n\n"
    "group X-and-Y all X-witnesses Y-witnesses\n"
    "quorum X-and-Y\n"
)


@pytest.mark.parametrize(
    ("cosigned", "met"),
    [
        ("X1 X2 Y1", True),
        ("X1 X3 Y3", True),
        ("X1 X2 X3 Y1 Y2 Y3", True),
        ("X1 Y1 Y2 Y3", False),
        ("X1 X2 X3", False),
        ("", False),
    ],
)
def test_the_example_of_the_specification(cosigned: str, met: bool) -> None:
    policy = parse_policy(EXAMPLE.encode())
    names = set(cosigned.split())
    assert policy.is_met(names) is met
    note = sign_checkpoint(Checkpoint(ORIGIN, 0, EMPTY_ROOT), LOG)
    for name in sorted(names):
        note += WITNESSES[name].cosign(note, 1_800_000_000)
    if met:
        assert set(verify_cosigned(note, policy, ORIGIN).times_s) == names
    else:
        with pytest.raises(ProofInvalid, match="Too few"):
            verify_cosigned(note, policy, ORIGIN)


def test_white_space_comments_and_urls_are_as_it_says() -> None:
    text = (
        f"\t# a comment\n  log\t {LOG.verifier}  https://bus.example/log/0 \n"
        f"witness é {WITNESSES['X1'].verifier} https://w.example\n\nquorum é"
    )
    policy = parse_policy(text.encode())
    assert (policy.quorum, list(policy.logs)) == ("é", [ORIGIN])


def test_none_asks_for_nobody() -> None:
    policy = parse_policy(f"log {LOG.verifier}\nquorum none\n".encode())
    note = sign_checkpoint(Checkpoint(ORIGIN, 0, EMPTY_ROOT), LOG)
    assert verify_cosigned(note, policy, ORIGIN).times_s == {}
    with pytest.raises(ProofInvalid):
        verify_cosigned(note, policy, "sx.example/log/1")


def test_a_false_cosignature_of_a_known_witness_is_told() -> None:
    policy = parse_policy(f"log {LOG.verifier}\n{NAMED}quorum none\n".encode())
    note = sign_checkpoint(Checkpoint(ORIGIN, 0, EMPTY_ROOT), LOG)
    other = sign_checkpoint(Checkpoint(ORIGIN, 1, b"1" * 32), LOG)
    forged = note + WITNESSES["X1"].cosign(other, 1_800_000_000)
    with pytest.raises(ProofInvalid, match="does not hold"):
        verify_cosigned(forged, policy, ORIGIN)


X1 = WITNESSES["X1"].verifier
OTHER_NAME = Cosigner("other.example", WITNESSES["X1"]._key).verifier


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"log {LOG.verifier}\n",
        "quorum none\nquorum none\n",
        "quorum A\n",
        f"quorum A\nwitness A {X1}\n",
        f"witness none {X1}\nquorum none\n",
        f"witness A {X1}\nwitness A {WITNESSES['X2'].verifier}\nquorum A\n",
        f"witness A {X1}\nwitness B {X1}\nquorum A\n",
        f"witness A {X1}\nwitness B {OTHER_NAME}\nquorum A\n",
        f"witness A {X1}\ngroup A any A\nquorum A\n",
        f"witness A {X1}\ngroup G any G\nquorum G\n",
        f"witness A {X1}\ngroup G 0 A\nquorum G\n",
        f"witness A {X1}\ngroup G 01 A\nquorum G\n",
        f"witness A {X1}\ngroup G 2 A\nquorum G\n",
        f"witness A {X1}\ngroup G most A\nquorum G\n",
        f"witness A {X1}\ngroup G any\nquorum G\n",
        f"witness A {X1}\ngroup G any A A\nquorum G\n",
        f"witness A {X1}\ngroup G any A\ngroup H any A\nquorum H\n",
        f"witness A {X1}\ngroup G any none\nquorum G\n",
        f"log {LOG.verifier}\nlog {LOG.verifier}\nquorum none\n",
        f"log {X1}\nquorum none\n",
        f"witness A {LOG.verifier}\nquorum A\n",
        f"log {LOG.verifier} https://a more\nquorum none\n",
        "policy 1\nquorum none\n",
        "quorum none\r\n",
        "quorum none\n" + "#" * 70_000,
    ],
    ids=lambda _: "text",
)
def test_what_breaks_a_rule_is_refused(text: str) -> None:
    with pytest.raises(ProofInvalid):
        parse_policy(text.encode())
