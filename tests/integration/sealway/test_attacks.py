"""A few of the attacks of `make attacks`, one of each sort; the target makes all of them."""

from pathlib import Path

import pytest

from tests.attacks.run import ALL, QUICK, Attack, Ground


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    return Ground(tmp_path_factory.mktemp("attacks"), apart=False)


@pytest.mark.parametrize(
    "attack", [one for one in ALL if one.name in QUICK], ids=lambda attack: attack.name
)
def test_it_is_found_and_named(attack: Attack, ground: Ground) -> None:
    assert ground.judge(attack) is None


def test_each_attack_has_a_name_of_its_own() -> None:
    assert len({one.name for one in ALL}) == len(ALL)
    assert set(QUICK) <= {one.name for one in ALL}


def test_attackers_use_nothing_of_ours() -> None:
    for name in ("tools", "on_folders", "on_bundles"):
        text = (Path(__file__).parents[2] / "attacks" / f"{name}.py").read_text("utf-8")
        for package in ("exchange", "adapters", "sealway.", "registry", "schemas", "signing"):
            assert f"from {package}" not in text
            assert f"import {package}" not in text
