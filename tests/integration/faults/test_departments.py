"""The departments behind a cluster count what is done with them, and keep their promises."""

from pathlib import Path

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from signing.identifiers import new_message_id
from tests.faults.cluster.evidence import read_calls, read_effects
from tests.faults.cluster.providers import application
from tests.faults.cluster.site import ClusterSite


@pytest.fixture
def site(tmp_path: Path) -> ClusterSite:
    return ClusterSite(tmp_path, "database", {}, "")


async def call(site: ClusterSite, department: str, code: str, id_: str, times: int) -> list[str]:
    """What came of so many calls under one id; each time by a department started anew."""
    said: list[str] = []
    for _ in range(times):
        async with TestServer(application(site, department, 1)) as server:
            headers = {"Idempotency-Key": id_}
            body = {"person_code": "1"}
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(0.5)) as http,
                http.post(server.make_url(f"/{code}"), json=body, headers=headers) as reply,
            ):
                said.append(f"{reply.status} {(await reply.json())['status']}")
    return said


async def test_under_one_key_it_acts_once_and_says_the_same(site: ClusterSite) -> None:
    id_ = new_message_id(1)
    said = await call(site, "register", "address-change", id_, 3)
    assert said == ["200 address-change of 1"] * 3
    assert read_effects(site) == {id_: 1}
    assert len(read_calls(site)[id_]) == 3


async def test_without_a_key_it_acts_each_time(site: ClusterSite) -> None:
    id_ = new_message_id(1)
    await call(site, "register", "person-letters", id_, 2)
    assert read_effects(site) == {id_: 2}


async def test_one_that_hangs_counts_the_call_and_never_answers(site: ClusterSite) -> None:
    id_ = new_message_id(1)
    with pytest.raises(TimeoutError):
        await call(site, "hanging", "hanging-report", id_, 1)
    assert len(read_calls(site)[id_]) == 1
    assert read_effects(site) == {}
