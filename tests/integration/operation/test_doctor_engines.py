"""The doctor on real engines: a PostgreSQL and a Kafka that are there, or aren't."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from exchange.bus.kafka.brokers import Brokers
from exchange.bus.kafka.topics import create_topics
from exchange.operation.doctor.examine import examine
from exchange.operation.initialise import Names, initialise
from exchange.operation.settings import Settings, load_settings
from exchange.operation.starting import until_reached
from exchange.storage.errors import StorageUnavailable
from exchange.storage.postgres.look import StorageRefused, reach, told_safely
from tests.support.postgres import database_of, drop_database, new_database, server

NOBODY = "127.0.0.1:9"  # the port of discard, where nobody listens


@pytest.fixture
async def database() -> AsyncIterator[str]:
    made = await new_database(await asyncio.to_thread(server))
    yield made
    await drop_database(server(), made)


def clock() -> int:
    return time.time_ns() // 1_000_000


def settings_of(folder: Path, database: str, kafka: str = "", prefix: str = "") -> Settings:
    names = Names(database=database, kafka=kafka, shards=2)
    new = initialise(folder / "bus", names, clock())
    environ = {"SEALWAY_DATABASE__WAIT_S": "0.2"}
    if kafka:
        numbers = {"PREFIX": prefix or "sealway", "COPIES": "1", "COPIES_IN_SYNC_MIN": "1"}
        environ |= {f"SEALWAY_KAFKA__{key}": value for key, value in numbers.items()}
    return load_settings(new.settings, environ)


async def found(settings: Settings) -> dict[str, list[str]]:
    """What the doctor finds, by topic and verdict."""
    said: dict[str, list[str]] = {}
    for one in await examine(settings, clock):
        said.setdefault(f"{one.about} {one.verdict}", []).append(f"{one.text} → {one.remedy}")
    return said


async def test_a_server_that_is_there_without_tables(tmp_path: Path, database: str) -> None:
    said = await found(settings_of(tmp_path, database))
    assert "PostgreSQL" in said["database ok"][0]
    assert "fsync=on, full_page_writes=on, synchronous_commit=on" in said["durability ok"][0]
    assert "clock ok" in said
    assert said["schema wrong"] == ["there are no tables yet → run `sealway migrate`"]


async def test_a_database_that_is_away(tmp_path: Path) -> None:
    said = await found(settings_of(tmp_path, f"postgresql://bus:canary@{NOBODY}/sealway"))
    assert "doesn't answer" in said["database wrong"][0]
    assert "canary" not in str(said)


async def test_topics_that_are_there_and_topics_that_are_not(
    tmp_path: Path, database: str, brokers: Brokers
) -> None:
    settings = settings_of(tmp_path, database, brokers.bootstrap, brokers.prefix)
    said = await found(settings)
    assert "1 broker at" in said["kafka ok"][0]
    assert "topics ok" in said
    assert "topics wrong" not in said
    assert "each has one copy" in said["topics warn"][0]
    elsewhere = settings.model_copy(
        update={"kafka": settings.kafka and settings.kafka.model_copy(update={"prefix": "empty"})}
    )
    missing = (await found(elsewhere))["topics wrong"]
    assert all("is missing" in one for one in missing)
    assert len(missing) >= 4


async def test_more_copies_than_brokers(tmp_path: Path, database: str, kafka: str) -> None:
    cluster = Brokers(kafka, prefix="lonely")
    await create_topics(cluster, copies=1, copies_in_sync_min=1)
    settings = settings_of(tmp_path, database, kafka, "lonely")
    assert settings.kafka is not None
    more = settings.kafka.model_copy(update={"copies": 3, "copies_in_sync_min": 2})
    said = await found(settings.model_copy(update={"kafka": more}))
    assert any("1 broker can't keep 3 copies" in one for one in said["topics wrong"])
    assert any("the settings say 3 and 2" in one for one in said["topics warn"])


@pytest.mark.timeout(120)
async def test_a_kafka_that_is_away(tmp_path: Path, database: str) -> None:
    said = await found(settings_of(tmp_path, database, NOBODY))
    assert "Kafka can't be asked" in said["kafka wrong"][0]


async def test_who_is_let_in(database: str) -> None:
    await reach(database)
    with pytest.raises(StorageRefused, match="does not exist"):
        await reach(database_of(server(), "no_such_database"))


async def test_a_start_does_not_wait_for_a_server_that_refuses(tmp_path: Path) -> None:
    address = database_of(await asyncio.to_thread(server), "no_such_database")
    with pytest.raises(StorageRefused, match="doesn't let us in"):
        await asyncio.wait_for(until_reached(settings_of(tmp_path, address)), 5)


@pytest.mark.parametrize(
    "address",
    ["postgresql://bus:can%20ary@db/x", "postgresql://db/x?password=can%20ary&sslmode=require"],
)
def test_a_drivers_text_is_told_without_the_password(address: str) -> None:
    for text in (f"can't use {address}", "no such user: can ary", "at can%20ary@db"):
        assert "ary" not in told_safely(ValueError(text), address)


async def test_no_error_repeats_a_password() -> None:
    for address in (
        f"postgresql://bus:canary@{NOBODY}/sealway",
        f"postgresql://{NOBODY}/sealway?password=canary",
        f"postgresql://bus:canary@{NOBODY}/x?sslmode=verify-full&sslrootcert=/canary/ca.pem",
    ):
        with pytest.raises((StorageUnavailable, StorageRefused)) as caught:
            await reach(address.replace("/canary/", "/nowhere/"))
        assert "canary" not in caught.value.detail
