"""Confluent's own Python clients, unchanged, against a running bus: no Kafka, serializers only."""

import asyncio
import importlib.util
import os
from collections.abc import AsyncIterator
from typing import Any

import pytest

from exchange.api.app import create_app
from exchange.operation.listening import listening
from registry.changes import Change
from tests.support.bus import RunningBus
from tests.support.refused_schemas import latest

MISSING = importlib.util.find_spec("confluent_kafka") is None
pytestmark = pytest.mark.skipif(
    MISSING and os.environ.get("CI") != "true",
    reason="confluent-kafka is not installed: pip install 'sealway[dev]'",
)

PERSON = latest(
    title="Person",
    type="object",
    properties={"code": {"type": "string", "maxLength": 11}, "age": {"type": "integer"}},
    required=["code"],
)
ADDRESS = """{"type": "record", "name": "Address", "namespace": "gov.example",
 "fields": [{"name": "street", "type": "string"}]}"""
USER = """{"type": "record", "name": "User", "namespace": "gov.example", "fields": [
 {"name": "name", "type": "string"}, {"name": "age", "type": ["null", "int"], "default": null},
 {"name": "home", "type": "Address"}]}"""
ADA = {"name": "Ada", "age": 36, "home": {"street": "St James's Square"}}


class Place:
    """Where the bus listens, and what opens it."""

    def __init__(self, running: RunningBus, port: int) -> None:
        self.running = running
        self.url = f"http://127.0.0.1:{port}/confluent"
        self.token = (running.folder / "founder.token").read_text("ascii").strip()
        self.clients: list[Any] = []

    def client(self, **more: Any) -> Any:
        from confluent_kafka.schema_registry import SchemaRegistryClient

        auth = more or {"basic.auth.user.info": f"ada:{self.token}"}
        self.clients.append(SchemaRegistryClient({"url": self.url, "max.retries": 0, **auth}))
        return self.clients[-1]

    async def activate(self, subject: str) -> None:
        """The drafts of a subject come into force, as a person would have them."""
        for one in self.running.bus.api.directory.current.schema_versions(subject):
            if one.state == "draft":
                await self.running.change(Change("schema", {"state": "active"}, one.fingerprint))


@pytest.fixture
async def place(running: RunningBus) -> AsyncIterator[Place]:
    async with listening(create_app(running.bus.api), "127.0.0.1", 0, "port") as port:
        made = Place(running, port)
        yield made
        for client in made.clients:
            client.close()


def context(topic: str) -> Any:
    from confluent_kafka.serialization import MessageField, SerializationContext

    return SerializationContext(topic, MessageField.VALUE)


async def test_the_json_serializer_registers_writes_and_reads(place: Place) -> None:
    from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
    from confluent_kafka.serialization import SerializationError

    def run() -> tuple[bytes, Any]:
        written = JSONSerializer(PERSON, place.client())({"code": "1", "age": 2}, context("people"))
        # Another process, that knows nothing but the bytes and the topic.
        return written, JSONDeserializer(None, schema_registry_client=place.client())(
            written, context("people")
        )

    written, read = await asyncio.to_thread(run)
    assert read == {"code": "1", "age": 2}
    found = place.running.bus.api.directory.current.schema_by_id(int.from_bytes(written[1:5]))
    assert found is not None
    assert (found.subject, found.text, found.state) == ("people-value", PERSON, "draft")

    def refuse() -> None:
        JSONSerializer(PERSON, place.client())({"code": 1}, context("people"))

    with pytest.raises(SerializationError):
        await asyncio.to_thread(refuse)


async def test_the_avro_serializer_writes_by_a_schema_with_references(place: Place) -> None:
    from confluent_kafka.schema_registry import Schema, SchemaReference
    from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer

    await asyncio.to_thread(
        lambda: place.client().register_schema("address", Schema(ADDRESS, "AVRO"))
    )
    await place.activate("address")

    def run() -> Any:
        named = [SchemaReference("gov.example.Address", "address", 1)]
        written = AvroSerializer(place.client(), Schema(USER, "AVRO", named))(ADA, context("users"))
        assert written is not None
        return AvroDeserializer(place.client())(written, context("users"))

    assert await asyncio.to_thread(run) == ADA


async def test_a_serializer_may_use_only_what_is_in_force(place: Place) -> None:
    from confluent_kafka.schema_registry import Schema, SchemaRegistryError
    from confluent_kafka.schema_registry.json_schema import JSONSerializer

    def run() -> bytes:
        conf = {"auto.register.schemas": False, "use.latest.version": True}
        made = JSONSerializer(None, place.client(), conf=conf)({"code": "1"}, context("people"))
        assert made is not None
        return bytes(made)

    def register() -> int:
        return int(place.client().register_schema("people-value", Schema(PERSON, "JSON")))

    id_ = await asyncio.to_thread(register)
    with pytest.raises(SchemaRegistryError) as caught:
        await asyncio.to_thread(run)
    assert caught.value.error_code == 40402
    await place.activate("people-value")
    assert (await asyncio.to_thread(run))[1:5] == id_.to_bytes(4, "big")


async def test_every_question_of_the_client_is_understood(place: Place) -> None:
    from confluent_kafka.schema_registry import (
        ConfigCompatibilityLevel,
        Schema,
        SchemaRegistryError,
        ServerConfig,
    )

    forward = ServerConfig(compatibility=ConfigCompatibilityLevel.FORWARD)

    client = place.client(
        **{
            "bearer.auth.credentials.source": "STATIC_TOKEN",
            "bearer.auth.token": place.token,
            "bearer.auth.logical.cluster": "none",
            "bearer.auth.identity.pool.id": "none",
        }
    )
    person = Schema(PERSON, "JSON")
    wider = Schema(PERSON.replace('"required": ["code"]', '"required": []'), "JSON")
    narrow = Schema(PERSON.replace('"maxLength": 11', '"maxLength": 3'), "JSON")

    def before() -> int:
        id_ = int(client.register_schema("people-value", person))
        assert client.get_schema_types() == ["JSON", "AVRO", "XSD"]
        return id_

    def after(id_: int) -> None:
        whole = client.lookup_schema("people-value", person)
        assert (whole.schema_id, whole.version, whole.subject) == (id_, 1, "people-value")
        assert client.get_schema(id_).schema_str == PERSON
        assert client.get_subjects_by_schema_id(id_) == ["people-value"]
        (one,) = client.get_schema_versions(id_)
        assert (one.subject, one.version) == ("people-value", 1)
        assert "people-value" in client.get_subjects()
        assert client.get_subjects(subject_prefix="people", limit=5) == ["people-value"]
        assert client.get_latest_version("people-value").version == 1
        assert client.get_version("people-value", 1, deleted=True).schema.schema_type == "JSON"
        assert client.get_versions("people-value", deleted_only=True) == []
        assert client.get_referenced_by("people-value", 1) == []
        assert client.test_compatibility("people-value", person, verbose=True) is True
        assert client.test_compatibility("people-value", narrow) is False
        assert client.test_compatibility_all_versions("people-value", narrow) is False
        assert client.get_compatibility() == "FULL_TRANSITIVE"
        assert client.set_compatibility("people-value", "backward") == {"compatibility": "BACKWARD"}
        assert client.get_config("people-value").compatibility_level == "BACKWARD"
        assert client.test_compatibility("people-value", wider) is True
        assert client.set_config("people-value", forward)
        assert client.test_compatibility("people-value", wider) is False
        assert client.delete_config("people-value").compatibility_level == "FORWARD"
        assert client.get_mode("people-value") == client.get_global_mode() == "READWRITE"
        for wrong, number in (
            (lambda: client.register_schema("people-value", narrow), 409),
            (lambda: client.get_version("people-value", 9), 40402),
            (lambda: client.get_associations_by_resource_name("a", "b"), 404),
            (lambda: client.delete_subject("people-value", permanent=True), 42205),
        ):
            with pytest.raises(SchemaRegistryError) as caught:
                wrong()
            assert caught.value.error_code == number
        assert client.delete_version("people-value", 1) == 1
        assert client.get_schema(id_).schema_str == PERSON

    id_ = await asyncio.to_thread(before)
    await place.activate("people-value")
    await asyncio.to_thread(after, id_)


async def test_the_asyncio_client_speaks_to_it_too(place: Place) -> None:
    from confluent_kafka.schema_registry import AsyncSchemaRegistryClient, Schema
    from confluent_kafka.schema_registry._async.json_schema import AsyncJSONSerializer

    conf = {"url": place.url, "basic.auth.user.info": f":{place.token}"}
    async with AsyncSchemaRegistryClient(conf) as client:
        id_ = await client.register_schema("people-value", Schema(PERSON, "JSON"))
        serializer = await AsyncJSONSerializer(PERSON, client)
        written = await serializer({"code": "1"}, context("people"))
    assert written is not None
    assert written[1:5] == id_.to_bytes(4, "big")
