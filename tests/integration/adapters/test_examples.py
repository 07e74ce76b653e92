"""The example agencies: their data, settings and contracts agree with each other."""

from __future__ import annotations

import asyncio
import csv
import importlib.util
import json
import sqlite3
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pycountry
import pytest
import uvicorn

from adapters.base import Adapter, AdapterRequest, Answer, Reject
from adapters.egress import Egress
from adapters.rest import RestAdapter
from adapters.sql import SqlAdapter
from schemas.catalogue import Validators, admit
from signing.identifiers import parse_code, parse_member_id, parse_service_code, parse_system_id

EXAMPLES = Path(__file__).parents[3] / "examples"
NETWORK = tomllib.loads((EXAMPLES / "network.toml").read_text())
SETTINGS = tomllib.loads((EXAMPLES / "server-settings.toml.sample").read_text())
SCHEMAS = {one["subject"]: (EXAMPLES / one["file"]).read_text() for one in NETWORK["schema"]}


def load(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(Path(path).stem, EXAMPLES / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


people = load("civil-registry/make_people.py")
territories = load("territories/register.py")


def check(subject: str, data: bytes) -> Any:
    """The payload, when the registered schema takes it."""
    text = SCHEMAS[subject]
    admitted = admit("json-schema", text)
    return Validators().get(admitted.fingerprint, text).check(data)


@pytest.fixture(scope="module")
def register(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bus")
    (folder / "agencies").mkdir()
    people.write(folder / "agencies" / "civil-registry.db")
    return folder


@pytest.fixture
async def civil(register: Path) -> AsyncIterator[Adapter]:
    adapter = SqlAdapter.from_settings(
        "civil", SETTINGS["adapters"]["civil"], Egress([]), folder=register
    )
    await adapter.start()
    yield adapter
    await adapter.close()


@pytest.fixture
async def register_of_territories(unused_port: int) -> AsyncIterator[Adapter]:
    app = territories.make_app(territories.Territories())
    config = uvicorn.Config(app, port=unused_port, lifespan="off", log_level="warning")
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    running = asyncio.create_task(server._serve())
    while not server.started:  # noqa: ASYNC110 - it has no event to wait for
        await asyncio.sleep(0.01)
    egress = Egress([f"127.0.0.1:{unused_port}"])
    table = {**SETTINGS["adapters"]["territories"], "base": f"http://127.0.0.1:{unused_port}"}
    yield RestAdapter.from_settings("territories", table, egress)
    await egress.close()
    server.should_exit = True
    await running


async def ask(adapter: Adapter, service: str, question: dict[str, Any]) -> Any:
    body = json.dumps(question).encode()
    check(f"{service}.request", body)
    request = AdapterRequest(
        id="01a201fb-aa7b-7cc0-98c4-dc0c0c07398f",
        sender="sx/GOV/1001/benefits",
        system="sx/GOV/2002/civil-registry",
        service=service,
        attempt=1,
        body_type="application/json",
        body=body,
    )
    got = await adapter.answer(request)
    if isinstance(got, Reject):
        return got
    assert isinstance(got, Answer)
    return check(f"{service}.response", got.body)


def test_every_code_has_its_true_check_digit_and_is_there_once() -> None:
    everyone = list(people.make_people())
    codes = {person.code for person in everyone}
    assert len(everyone) == len(codes) == 10_000
    assert all(len(code) == 11 and people.check_digit(code[:10]) == int(code[10]) for code in codes)


# The second needs the second row of weights, the third has no digit by either: it gets 0.
@pytest.mark.parametrize("code", ["37605030299", "38102030012", "38102030130"])
def test_finds_the_check_digit_of_known_codes(code: str) -> None:
    assert people.check_digit(code[:10]) == int(code[10])


def test_the_same_seed_makes_the_same_people() -> None:
    assert list(people.make_people(50)) == list(people.make_people(50))
    assert list(people.make_people(50, seed=1)) != list(people.make_people(50, seed=2))


async def test_knows_the_person_of_the_documentation(civil: Adapter) -> None:
    assert await ask(civil, "person-status", {"person_code": "38001085718"}) == {
        "person_code": "38001085718",
        "status": "alive",
        "name": {"given": "Jaan", "family": "Jõgisalu"},
        "born": "1980-01-08",
        "residence": {"region": "EE-37", "since": "2011-03-01"},
    }


async def test_every_kind_of_person_satisfies_the_contract(civil: Adapter, register: Path) -> None:
    with sqlite3.connect(register / "agencies" / "civil-registry.db") as connection:
        found = connection.execute(
            "SELECT min(ISIKUKOOD) FROM ISIKUD GROUP BY STAATUS, EESNIMI IS NULL, "
            "SURMAKP IS NULL, ELUKOHT_MK IS NULL, ELUKOHT_AL IS NULL"
        ).fetchall()
    connection.close()
    answers = [await ask(civil, "person-status", {"person_code": code}) for (code,) in found]
    assert {answer["status"] for answer in answers} == {"alive", "dead", "emigrated", "missing"}
    assert any("given" not in answer["name"] for answer in answers)
    assert any("died" in answer for answer in answers)
    assert any("residence" in answer and "since" not in answer["residence"] for answer in answers)


async def test_knows_nobody_else(civil: Adapter) -> None:
    got = await ask(civil, "person-status", {"person_code": "10000000000"})
    assert isinstance(got, Reject)
    assert got.code == "no-data"


async def test_gives_a_country(register_of_territories: Adapter) -> None:
    got = await ask(register_of_territories, "country", {"country": "FI"})
    assert got["name"] == "Finland"
    assert got["alpha_3"] == "FIN"


async def test_gives_subdivisions_all_or_of_one_type(register_of_territories: Adapter) -> None:
    every = await ask(register_of_territories, "subdivisions", {"country": "EE"})
    counties = await ask(
        register_of_territories, "subdivisions", {"country": "EE", "type": "County"}
    )
    assert len(every["subdivisions"]) == len(pycountry.subdivisions.get(country_code="EE"))
    assert {one["type"] for one in counties["subdivisions"]} == {"County"}
    assert 0 < len(counties["subdivisions"]) < len(every["subdivisions"])


async def test_rejects_a_country_that_is_none(register_of_territories: Adapter) -> None:
    got = await ask(register_of_territories, "subdivisions", {"country": "ZZ"})
    assert got == Reject("no-data", "ISO 3166-1 has no such country.")


async def test_every_country_satisfies_the_contract(register_of_territories: Adapter) -> None:
    for country in pycountry.countries:
        question = {"country": country.alpha_2}
        answer = await ask(register_of_territories, "subdivisions", question)
        assert answer["country"] == country.alpha_2
        assert (await ask(register_of_territories, "country", question))[
            "alpha_3"
        ] == country.alpha_3


def test_every_figure_of_the_statistics_office_satisfies_the_contract() -> None:
    with (EXAMPLES / "statistics" / "household_index.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 75
    for row in rows:
        asked = {"region": row["region"], "year": int(row["year"])}
        check("household-index.request", json.dumps(asked).encode())
        answer = {**asked, "index": float(row["index"]), "method": row["method"]}
        check("household-index.response", json.dumps(answer).encode())


def test_the_network_names_only_what_it_has() -> None:
    members = {parse_member_id(one["id"]) for one in NETWORK["member"]}
    systems = {parse_system_id(one["id"]) for one in NETWORK["system"]}
    assert {system.rpartition("/")[0] for system in systems} == members
    assert {one["system"] for one in NETWORK["certificate"]} == systems
    services = {f"{one['system']}/{parse_service_code(one['code'])}" for one in NETWORK["service"]}
    for service in NETWORK["service"]:
        assert {service["request"], service["response"]} <= SCHEMAS.keys()
        delivery = service["delivery"]
        if delivery["kind"] == "adapter":
            adapter = SETTINGS["adapters"][delivery["name"]]
            assert service["code"] in adapter["services"]
            assert service["system"] in SETTINGS["hosted"]
    for grant in NETWORK["grant"]:
        assert grant["consumer"] in systems
        assert grant["service"] in services
        assert [parse_code(purpose) for purpose in grant["purposes"]] == grant["purposes"]


@pytest.mark.parametrize("subject", sorted(SCHEMAS))
def test_every_field_of_a_contract_is_described_and_closed(subject: str) -> None:
    admit("json-schema", SCHEMAS[subject])
    stack = [json.loads(SCHEMAS[subject])]
    while stack:
        node = stack.pop()
        assert node["description"]
        if node["type"] == "object":
            assert node["additionalProperties"] is False
            stack.extend(node["properties"].values())
        elif node["type"] == "array":
            stack.append(node["items"])
