"""Who may be listed to vouch for log 0: enough members, each key once, hosts that may be called."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from exchange.operation.anchor_rules import anchor_rules
from exchange.operation.doctor.anchors import check_anchors
from exchange.operation.settings import Settings, SettingsInvalid, load_settings
from signing.log.cosignature import Cosigner
from tests.support.time_stamps import Authority

KEYS = [
    str(Cosigner(f"w{n}.example", ed25519.Ed25519PrivateKey.generate()).verifier) for n in range(4)
]
BASE = 'bus = "sx.example"\ninstance = "sx"\n'
EGRESS = '[egress]\nhosts = ["w.example:443", "tsa.example:8080"]\n'


def _witness(n: int, member: int | None = None, more: str = "") -> str:
    return (
        f'[witnesses.w{n}]\nurl = "https://w.example/{n}/"\nkey = "{KEYS[n]}"\n'
        f'member = "sx/GOV/{n if member is None else member}"\n{more}\n'
    )


THREE = _witness(0) + _witness(1) + _witness(2)
STAMPS = '[authorities.one]\nurl = "http://tsa.example:8080/tsr/"\nroots = "roots.pem"\n'


def _load(folder: Path, text: str) -> Settings:
    (folder / "sealway.toml").write_text(BASE + text, "utf-8")
    return load_settings(folder / "sealway.toml", {})


def test_three_members_are_enough_and_the_operators_own_is_asked_too(tmp_path: Path) -> None:
    own = _witness(3, 9, "own = true")
    rules = anchor_rules(_load(tmp_path, EGRESS + THREE + own))
    assert rules.witnesses[0].url == "https://w.example/0"
    policy = rules.policy()
    assert policy.is_met({"w0", "w2"})
    assert not policy.is_met({"w0", "w3"})
    assert (rules.alarm_ms, rules.stop_ms, rules.stamp_every_ms) == (600_000, 14_400_000, 300_000)


def test_a_witness_that_polls_has_no_address_and_counts(tmp_path: Path) -> None:
    no_url = "\n".join(line for line in THREE.splitlines() if not line.startswith("url"))
    rules = anchor_rules(_load(tmp_path, no_url))
    assert {one.url for one in rules.witnesses} == {None}
    assert rules.has_pollers
    policy = rules.policy()
    assert policy.is_met({"w0", "w2"})
    assert not policy.is_met({"w0"})


def test_a_member_with_two_witnesses_counts_once(tmp_path: Path) -> None:
    policy = anchor_rules(_load(tmp_path, EGRESS + THREE + _witness(3, 2))).policy()
    assert not policy.is_met({"w2", "w3"})
    assert policy.is_met({"w1", "w3"})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (EGRESS + _witness(0) + _witness(1), "at least 3 members"),
        (EGRESS + _witness(0) + _witness(1) + _witness(2, 1), "at least 3 members"),
        (EGRESS + _witness(0) + _witness(1) + _witness(2, more="own = true"), "3 members"),
        (EGRESS + "[anchoring]\nquorum = 4\n" + THREE, "anchoring.quorum asks for"),
        (EGRESS + "[anchoring]\nquorum = 1\n" + THREE, "anchoring.quorum"),
        (EGRESS + "[anchoring]\nalarm_s = 900\nstop_s = 900\n", "stop_s must be more"),
        (THREE, "egress.hosts must list w.example:443"),
        (EGRESS + THREE + STAMPS.replace(":8080", ""), "tsa.example:80"),
        (EGRESS + THREE.replace(KEYS[2], KEYS[1]), "have one key"),
        (EGRESS + THREE.replace(KEYS[2][-5:], "AAAA="), "key"),
        (EGRESS + THREE.replace("/2/", "/2?a=b"), "without query"),
        (EGRESS + THREE.replace("[witnesses.w2]", '[witnesses."W 2"]'), "witnesses"),
        (EGRESS + THREE.replace("member =", "members ="), "member"),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SettingsInvalid, match=said.replace(".", r"\.")):
        _load(tmp_path, text)


def test_roots_must_be_there(tmp_path: Path) -> None:
    settings = _load(tmp_path, EGRESS + STAMPS)
    for content in (None, b"", b"nothing"):
        if content is not None:
            (tmp_path / "roots.pem").write_bytes(content)
        with pytest.raises(SettingsInvalid, match=r"authorities\.one\.roots"):
            anchor_rules(settings)
        assert [one.verdict.value for one in check_anchors(settings)] == ["wrong"]
    (tmp_path / "roots.pem").write_bytes(Authority().root_pem)
    (authority,) = anchor_rules(settings).authorities
    assert len(authority.roots) == 1
    assert authority.url.endswith("/tsr/"), "posted to as it is written"
    assert [one.verdict.value for one in check_anchors(settings)] == ["warn", "ok"]


def test_nobody_is_listed_by_default(tmp_path: Path) -> None:
    settings = _load(tmp_path, "")
    assert not anchor_rules(settings).needs_anything
    assert list(check_anchors(settings)) == []
