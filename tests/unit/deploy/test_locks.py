"""What the image installs: a part of the repository's own lock, and all of what it needs."""

import re
import tomllib
from itertools import chain

import pytest

from tests.support.deployment import DEPLOY, ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
NAMES = ("server", "build", "examples")


def pins(text: str) -> dict[str, str]:
    """Each package's whole entry, version and hashes, by its name."""
    found = re.split(r"^(?=[a-z])", text, flags=re.MULTILINE)[1:]
    return {entry.split("==")[0]: entry for entry in found}


WHOLE = pins((ROOT / "requirements.lock").read_text("utf-8"))


def lock(name: str) -> dict[str, str]:
    return pins((DEPLOY / "locks" / f"{name}.lock").read_text("utf-8"))


def bare(requirement: str) -> str:
    return re.split(r"[\[<>=; ]", requirement)[0].lower().replace("_", "-")


@pytest.mark.parametrize("name", NAMES)
def test_each_pin_is_the_repositorys_own_with_the_same_hashes(name: str) -> None:
    other = [package for package, entry in lock(name).items() if WHOLE.get(package) != entry]
    assert not other, f"make deploy/locks/{name}.lock again, see deploy/README.md: {other}"


@pytest.mark.parametrize("name", NAMES)
def test_a_lock_names_no_host(name: str) -> None:
    assert "://" not in (DEPLOY / "locks" / f"{name}.lock").read_text("utf-8")


def test_the_image_has_every_library_of_its_extras_and_none_of_the_developers() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    installed = (extras[name] for name in ("agent", "server", "formats", "otel"))
    needed = chain(PROJECT["project"]["dependencies"], *installed)
    declared = {bare(one) for one in needed} - {"sealway"}
    assert declared - set(lock("server")) == set()
    assert {bare(one) for one in extras["dev"]} & set(lock("server")) == set()


def test_the_build_has_its_backend_and_the_examples_their_countries() -> None:
    assert {bare(one) for one in PROJECT["build-system"]["requires"]} <= set(lock("build"))
    assert set(lock("examples")) == {"pycountry"}
