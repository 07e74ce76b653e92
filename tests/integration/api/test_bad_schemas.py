"""What a registered integrator may try with a schema: each no has its reason, and the bus goes on.

Through the real admission, over HTTP. A server on the loopback interface counts who comes.
"""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic
from typing import Any

import pytest

from schemas.reasons import DIALECT_2020_12
from tests.support.http import FOUNDER, Edge, code_of
from tests.support.refused_schemas import BOMB, ROOT, draft_07, latest, record, xsd

LONG_S = 10  # only what hangs takes so long, on a busy machine too


class Hits:
    """A server that any schema could be fetched from, and how often somebody did."""

    def __init__(self) -> None:
        self.count = 0
        hits = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                hits.count += 1
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/schema"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))


@pytest.fixture
def hits() -> Iterator[Hits]:
    made = Hits()
    made.thread.start()
    yield made
    made.server.shutdown()
    made.thread.join()
    made.server.server_close()


def recursive_one_of(count: int) -> str:
    return latest(
        **{
            "$ref": "#/$defs/node",
            "$defs": {
                "node": {
                    "oneOf": [
                        {
                            "type": "object",
                            "required": [f"k{i}"],
                            "properties": {f"k{i}": {"$ref": "#/$defs/node"}},
                        }
                        for i in range(count)
                    ]
                }
            },
        }
    )


ADMITTED: dict[str, tuple[str, str]] = {
    "a tree": ("json-schema", latest(properties={"c": {"items": {"$ref": "#"}}})),
    "150 kB of pattern": ("json-schema", latest(pattern=f"^({'ab|' * 50_000}c)$")),
    "4,000 fields": (
        "json-schema", latest(properties={f"f{i}": {"type": "string"} for i in range(4_000)}),
    ),
    "an Avro list": ("avro", record({"name": "next", "type": ["null", "r"]})),
}  # fmt: skip
DUPLICATE = f'{{"$schema": "{DIALECT_2020_12}", "type": "string", "type": "integer"}}'
REFUSED: dict[str, tuple[str, str, str]] = {
    "a loop": ("json-schema", latest(**{"$ref": "#"}), "leads back to itself"),
    "12 recursive alternatives": ("json-schema", recursive_one_of(12), "No document can satisfy"),
    "5,000 fields": (
        "json-schema", latest(properties={f"f{i}": {} for i in range(5_000)}), "5000 subschemas",
    ),
    "a pattern that takes gigabytes": (
        "json-schema", latest(pattern="((a{100}){100}){100}"), "linear time",
    ),
    "a pattern that takes for ever elsewhere": (
        "json-schema", latest(pattern=r"^(a+)+\1$"), "linear time",
    ),
    "what nothing satisfies": (
        "json-schema", latest(type="string", minLength=2, maxLength=1), "No document can satisfy",
    ),
    "a $ref to a file": ("json-schema", latest(**{"$ref": "file:///etc/passwd"}), "ever fetched"),
    "a byte-order mark": ("json-schema", f"\ufeff{latest()}", "not strict JSON"),
    "a duplicate key": ("json-schema", DUPLICATE, "duplicate key"),
    "an unknown $schema": ("json-schema", '{"$schema": "urn:own"}', "not offered"),
    "no $schema": ("json-schema", "{}", "names no dialect"),
    "an integer beyond 2^53": ("json-schema", latest(maximum=2**53), "2^53-1"),
    "too long": ("json-schema", latest(description="x" * 262_144), "262144"),
    "too deep": (
        "json-schema", '{"items":' * 150 + "{}" + "}" * 150, "levels deep",
    ),
    "deeper than a parser goes": ("json-schema", "[" * 100_000, "not strict JSON"),
    "entities that multiply": ("xsd", BOMB + xsd("<a>&c;</a>"), "DOCTYPE"),
    "an entity from a file": (
        "xsd", f'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]>{xsd("&e;")}', "DOCTYPE",
    ),
    "another format": ("protobuf", "message A {}", "not offered"),
}  # fmt: skip


async def registered(edge: Edge, format: str, text: str, **more: Any) -> Any:
    one = {"subject": "bad", "format": format, "text": text, **more}
    started = monotonic()
    response = await edge.post(
        "/v1/changes", {"changes": [{"noun": "schema", "object": one}]}, FOUNDER
    )
    assert monotonic() - started < LONG_S
    return response


async def goes_on(edge: Edge) -> None:
    assert (await edge.get("/readyz")).status_code == 200
    assert await edge.running.outcome(edge.running.ask()) == "accepted"


@pytest.mark.parametrize(("format", "text"), ADMITTED.values(), ids=ADMITTED.keys())
async def test_what_is_only_large_or_recursive_is_admitted(
    edge: Edge, format: str, text: str
) -> None:
    response = await registered(edge, format, text)
    assert response.status_code == 200, response.text
    await goes_on(edge)


@pytest.mark.parametrize(("format", "text", "says"), REFUSED.values(), ids=REFUSED.keys())
async def test_a_bad_schema_is_refused_with_its_reason(
    edge: Edge, format: str, text: str, says: str
) -> None:
    response = await registered(edge, format, text)
    assert code_of(response) == "request-invalid"
    assert says in response.json()["detail"]
    await goes_on(edge)


def leading_to(url: str) -> dict[str, tuple[str, str]]:
    include = f'<xs:include schemaLocation="{url}"/>'
    import_ = f'<xs:import namespace="urn:q" schemaLocation="{url}"/>'
    return {
        "2020-12": ("json-schema", latest(items={"$ref": url})),
        "2020-12 with a fragment": ("json-schema", latest(items={"$ref": f"{url}#/$defs/a"})),
        "2020-12 by $id": ("json-schema", latest(**{"$id": url, "items": {"$ref": "other"}})),
        "2020-12 dynamically": ("json-schema", latest(items={"$dynamicRef": url})),
        "a dialect": ("json-schema", json.dumps({"$schema": url})),
        "draft-07": ("json-schema", draft_07(**{"$ref": url})),
        "Avro": ("avro", json.dumps({"type": url})),
        "an include": ("xsd", xsd(include + ROOT)),
        "an import": ("xsd", xsd(import_ + ROOT)),
        "a redefine": ("xsd", xsd(f'<xs:redefine schemaLocation="{url}"/>{ROOT}')),
        "a document type": ("xsd", f'<!DOCTYPE a SYSTEM "{url}">{xsd(ROOT)}'),
        "an entity": ("xsd", f'<!DOCTYPE a [<!ENTITY % e SYSTEM "{url}">%e;]>{xsd(ROOT)}'),
    }


async def test_nothing_is_ever_fetched(edge: Edge, hits: Hits) -> None:
    for name, (format, text) in leading_to(hits.url).items():
        response = await registered(edge, format, text)
        assert code_of(response) == "request-invalid", name
    named = {"name": hits.url, "subject": "question"}
    text = latest(items={"$ref": hits.url})
    assert (await registered(edge, "json-schema", text, references=[named])).status_code == 200
    where = f'xsi:schemaLocation="urn:p {hits.url}" xsi:noNamespaceSchemaLocation="{hits.url}"'
    example = (
        f'<a xmlns="urn:p" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" {where}>x</a>'
    )
    response = await registered(edge, "xsd", xsd(ROOT), subject="an-xsd", examples=[example])
    assert response.status_code == 200
    assert hits.count == 0
    await goes_on(edge)


async def test_references_are_frozen_by_fingerprint_and_shown_to_who_may_see_them(
    edge: Edge,
) -> None:
    def code(pattern: str) -> dict[str, Any]:
        return {"subject": "code", "text": latest(type="string", pattern=pattern)}

    user = {
        "subject": "user",
        "text": latest(items={"$ref": "code"}),
        "references": [{"name": "code", "subject": "code", "version": 1}],
        "examples": ['["a"]'],
        "counter_examples": ['["b"]'],
    }
    objects = [code("^a$"), user, code("^b$")]
    free = {"changes": [{"noun": "policy", "object": {"schema_level": "NONE"}}]}
    assert (await edge.post("/v1/changes", free, FOUNDER)).json()["changed"] == 1
    changes = {"changes": [{"noun": "schema", "object": one} for one in objects]}
    done = (await edge.post("/v1/changes", changes, FOUNDER)).json()
    assert done["changed"] == 3
    first, second = (fact["key"] for fact in done["facts"][:2])
    shown = (await edge.get(f"/v1/schemas/{second}", FOUNDER)).json()
    assert shown["references"] == [{"name": "code", "fingerprint": first}]
    again = (await edge.post("/v1/changes", changes, FOUNDER)).json()
    assert again["unchanged"] == 3
    newest = {**user, "references": [{"name": "code", "subject": "code"}], "examples": ['["b"]'],
              "counter_examples": []}  # fmt: skip
    two = {"changes": [{"noun": "schema", "object": newest}]}
    assert (await edge.post("/v1/changes", two, FOUNDER)).json()["facts"][0]["key"] != second
    missing = {**user, "references": [{"name": "code", "subject": "none"}]}
    bad = {"changes": [{"noun": "schema", "object": missing}]}
    assert code_of(await edge.post("/v1/changes", bad, FOUNDER)) == "request-invalid"


async def test_an_example_that_fails_refuses_its_schema_also_when_added_later(edge: Edge) -> None:
    text = latest(type="integer")
    bad = await registered(edge, "json-schema", text, examples=['"one"'])
    assert "/examples/0" in bad.json()["detail"]
    bad = await registered(edge, "json-schema", text, counter_examples=["1"])
    assert "/counter_examples/0" in bad.json()["detail"]
    good = await registered(edge, "json-schema", text)
    key = good.json()["facts"][0]["key"]
    for examples, status in ((["2"], 200), (["two"], 422)):
        change = {"noun": "schema", "key": key, "object": {"examples": examples}}
        response = await edge.post("/v1/changes", {"changes": [change]}, FOUNDER)
        assert response.status_code == status, response.text
    assert (await edge.get(f"/v1/schemas/{key}", FOUNDER)).json()["examples"] == ["2"]


async def test_examples_have_a_limit(edge: Edge) -> None:
    half = ['"' + "x" * 20_000 + '"']
    text = latest(type="string")
    response = await registered(edge, "json-schema", text, examples=half, counter_examples=half)
    assert "32768 bytes" in response.json()["detail"]
    response = await registered(edge, "json-schema", text, examples=["1"] * 21)
    assert "at most 20" in response.json()["detail"]
