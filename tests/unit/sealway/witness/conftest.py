"""A log, and a witness that knows it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from sealway.witness.core import Witness
from sealway.witness.state import WitnessState
from signing.log.cosignature import Cosigner
from tests.support.tiled_log import ORIGIN, TiledLog

NOW_S = 1_800_000_000

Open = Callable[[], Witness]


@pytest.fixture
def log() -> TiledLog:
    return TiledLog(leaves=3)


@pytest.fixture
def cosigner() -> Cosigner:
    return Cosigner("witness.example/w1", ed25519.Ed25519PrivateKey.generate())


@pytest.fixture
def state_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "state"
    folder.mkdir()
    return folder


@pytest.fixture
def open_witness(log: TiledLog, cosigner: Cosigner, state_folder: Path) -> Iterator[Open]:
    """Opens the witness on its folder, as often as it is started."""
    states = []

    def opened() -> Witness:
        state = WitnessState(state_folder, cosigner.verifier)
        states.append(state)
        return Witness(cosigner, {ORIGIN: log.signer.verifier}, state, lambda: NOW_S)

    yield opened
    for state in states:
        state.close()


@pytest.fixture
def witness(open_witness: Open) -> Witness:
    return open_witness()
