"""The board of checkpoints over a real Kafka: the highest of each log, read in bounded time."""

import time
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exchange.bus.kafka.brokers import Brokers
from exchange.bus.kafka.checkpoints import CHECKPOINT_TOPIC, BoardLimits, KafkaBoard
from exchange.bus.kafka.publisher import Outgoing
from exchange.bus.port import BusLost, CheckpointBoard, NoBoard
from signing.log.checkpoint import Checkpoint, sign_checkpoint, verify_checkpoint
from signing.log.note import NoteSigner
from tests.support.kafka_broker import free_port
from tests.support.kafka_fixtures import QUICK

ONE, TWO = "sx.example/log/1", "sx.example/log/2"
KEYS = {origin: NoteSigner(origin, Ed25519PrivateKey.generate()) for origin in (ONE, TWO)}


def note(origin: str, size: int) -> str:
    """A signed checkpoint."""
    return sign_checkpoint(Checkpoint(origin, size, bytes([size]) * 32), KEYS[origin])


def board_of(brokers: Brokers, **more: object) -> KafkaBoard:
    return KafkaBoard(brokers, source="sx.example", limits=QUICK, **more)  # type: ignore[arg-type]


async def test_tells_the_highest_checkpoint_of_each_log(brokers: Brokers) -> None:
    board = board_of(brokers)
    assert await board.read() == {}
    for size in (1, 5, 9, 7):
        await board.post(ONE, note(ONE, size))
    await board.post(TWO, note(TWO, 3), at_ms=1_790_000_000_000)
    await board.close()
    another = board_of(brokers)
    found = await another.read()
    assert found == {ONE: note(ONE, 9), TWO: note(TWO, 3)}
    assert verify_checkpoint(found[ONE], KEYS[ONE].verifier).size == 9
    await another.close()


async def test_what_is_not_genuine_hides_nothing(brokers: Brokers) -> None:
    forger = {origin: NoteSigner(origin, Ed25519PrivateKey.generate()) for origin in KEYS}
    forged = sign_checkpoint(Checkpoint(ONE, 99, bytes(32)), forger[ONE])

    def is_genuine(origin: str, text: str) -> bool:
        return text != forged

    board = board_of(brokers, is_genuine=is_genuine)
    await board.post(ONE, note(ONE, 4))
    await board.post(ONE, forged)
    assert await board.read() == {ONE: note(ONE, 4)}
    await board.close()


async def test_what_is_no_checkpoint_is_passed_over(brokers: Brokers) -> None:
    board = board_of(brokers)
    await board.post(ONE, note(ONE, 4))
    await board.post(ONE, "rubbish")
    await board.post(TWO, note(ONE, 8))
    await board.post(TWO, "x" * 10_000)
    bare = Outgoing(brokers.named(CHECKPOINT_TOPIC), b"", b"\xff", [])
    await board._publisher.publish([bare, replace(bare, key=b"\xff", value=b"")])
    assert await board.read() == {ONE: note(ONE, 4)}
    await board.close()


async def test_reading_is_bounded_in_size(brokers: Brokers) -> None:
    board = board_of(brokers, board=BoardLimits(records_max=3))
    for size in range(1, 5):
        await board.post(ONE, note(ONE, size))
    with pytest.raises(BusLost):
        await board.read()
    await board.close()


@pytest.mark.parametrize("where", ["no cluster", "no topic"])
async def test_a_board_that_is_not_there_is_said_to_be_in_bounded_time(
    where: str, kafka: str
) -> None:
    bootstrap = kafka if where == "no topic" else f"127.0.0.1:{free_port()}"
    limits = BoardLimits(read_s=1.5)
    board = KafkaBoard(
        Brokers(bootstrap, prefix="test-nothing"),
        source="sx.example",
        limits=replace(QUICK, acknowledge_s=1.5),
        board=limits,
    )
    began = time.monotonic()
    with pytest.raises(BusLost):
        await board.read()
    with pytest.raises(BusLost):
        await board.post(ONE, note(ONE, 1))
    assert time.monotonic() - began < 8
    await board.close()


async def test_where_one_file_is_shared_there_is_no_board() -> None:
    board: CheckpointBoard = NoBoard()
    await board.post(ONE, note(ONE, 1))
    assert await board.read() == {}
