"""The settings object: one, frozen, made once at the start of a process.

Owns names, types and defaults of everything an operator can set. Refuses to own where values come
from (`load`), and secrets: a setting names the file that holds one.

Invariant: paths are absolute; every key is one that is listed here.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from adapters.egress import AllowList, HostRule
from exchange.operation.settings.anchors import (
    MEMBERS_MIN,
    AnchoringTable,
    AskedName,
    AskedWitness,
    TimeAuthority,
)
from exchange.operation.settings.engines import Database, FilePath, Kafka, Retention
from exchange.operation.settings.limits import Delivery, Limits, Table
from exchange.operation.settings.tracing import Tracing
from signing.errors import SealwayError
from signing.identifiers import parse_instance, parse_system_id
from signing.log.cosignature import parse_cosignature_key

_BUS_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,98}[a-z0-9])?", re.ASCII)


def _bus_url(text: str) -> str:
    url = urlsplit(text)
    if url.scheme not in ("http", "https") or not url.hostname or url.query or url.fragment:
        raise ValueError("must be an address like https://bus.example, without query")
    if url.username or url.password:
        raise ValueError("must not hold a name or password")
    return text.rstrip("/")


def _bus_name(text: str) -> str:
    if not _BUS_NAME.fullmatch(text):
        raise ValueError("must be small letters, digits, '.' and '-', like sx.example")
    return text


def _instance(text: str) -> str:
    try:
        return parse_instance(text)
    except SealwayError:
        raise ValueError("must be one segment of an identifier, like sx") from None


def _system_id(text: str) -> str:
    try:
        return parse_system_id(text)
    except SealwayError:
        raise ValueError("must be a system identifier like sx/GOV/2002/civil-registry") from None


def _host_rule(text: str) -> str:
    try:
        HostRule.parse(text)
    except SealwayError as error:
        raise ValueError(error.detail) from None
    return text


BusName = Annotated[str, AfterValidator(_bus_name)]
AdapterName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,63}$")]


class Egress(Table):
    """`[egress]`: the only hosts this process may call."""

    hosts: tuple[Annotated[str, AfterValidator(_host_rule)], ...] = Field(
        default=(),
        description="rules `host:port` or `host:port private`; none by default, so that a bus "
        "reaches nothing that its operator didn't list",
    )
    ca_file: FilePath | None = Field(
        default=None, description="certificate authorities in PEM, instead of the system's"
    )


class HostedKey(Table):
    """`[hosted."<system id>"]`: the key under which an adapter here answers for a system."""

    key: FilePath = Field(description="file with the private key in PEM")
    certificate: FilePath = Field(description="file with the system's certificate in PEM")


class Push(Table):
    """`[push.NAME]`: where a system that services name in `delivery` is posted its requests."""

    system: Annotated[str, AfterValidator(_system_id)] = Field(
        description="the one system whose services may name this endpoint"
    )
    url: str = Field(
        max_length=2000,
        pattern=r"^https?://",
        description="where requests are posted; its host must be in `egress.hosts`, and a private "
        "address behind a name is called only if its rule says `private`",
    )
    secret_headers: dict[str, FilePath] = Field(
        default={},
        description="header → file with its value, such as an `Authorization` that the endpoint "
        "asks for",
    )


class Policy(Table):
    """`[policy]`: what the bus allows; part of the `policy` records in log 0."""

    founder: bool | None = Field(
        default=None,
        description="whether the token that `init` made may act: operator, and integrator of "
        "every member; if not given, true without [database] and false with it: on a country's "
        "bus people have tokens of their own, and the founder's is for the first of them",
    )
    algorithms: tuple[Literal["ES256", "Ed25519"], ...] = Field(
        default=("ES256", "Ed25519"),
        min_length=1,
        description="signature algorithms accepted from systems",
    )


class Sandbox(Table):
    """`[sandbox]`: this bus is one: who comes may join, and has each grant that it asks for."""

    members_max: int = Field(
        default=1_000, ge=1, le=100_000, description="a sandbox is for trying; make another one"
    )
    joins_per_minute_max: int = Field(
        default=30,
        ge=1,
        le=10_000,
        description="strangers may join, so their number in a minute is bounded, of all together",
    )


class Settings(Table):
    """Everything that can be set. `folder` is where the file was; relative paths start there."""

    folder: Path = Field(exclude=True)
    bus: BusName = Field(description="the bus's name, in every manifest and log origin; for ever")
    instance: Annotated[str, AfterValidator(_instance)] = Field(
        description="the first segment of every identifier of this exchange; for ever"
    )
    host: str = Field(default="127.0.0.1", description="address to listen on")
    port: int = Field(default=8480, ge=1, le=65_535, description="port to listen on")
    public_url: Annotated[str, AfterValidator(_bus_url)] = Field(
        default="",
        description="the address that others use; tokens are bound to it; http://host:port if "
        "not given",
    )
    data: FilePath = Field(default=Path("data"), description="folder to copy and to put back")
    keys: FilePath = Field(
        default=Path("keys"), description="folder of private keys; never copied with `data`"
    )
    state: FilePath = Field(
        default=Path("state"),
        description="folder of the signer's marks; never put back from a backup",
    )
    health_host: str = Field(
        default="127.0.0.1", description="address where `sealway deliver` tells how it is"
    )
    health_port: int = Field(
        default=8481,
        ge=1,
        le=65_535,
        description="port of /livez and /readyz of `sealway deliver`",
    )
    metrics_host: str = Field(
        default="127.0.0.1",
        description="address of /metrics; figures are nobody's business but the operator's",
    )
    metrics_port: int | None = Field(
        default=None,
        ge=1,
        le=65_535,
        description="port of /metrics, in every role, on a listener of its own; no listener "
        "without it",
    )
    shards: int = Field(
        default=16,
        ge=1,
        le=1024,
        description="traffic logs that `migrate` opens: each process that accepts holds one, and "
        "one that died keeps its own until the lease ends; without [database] there is one",
    )
    database: Database | None = Field(
        default=None, description="PostgreSQL; without this table, a SQLite file in `data`"
    )
    kafka: Kafka | None = Field(
        default=None, description="Apache Kafka; without this table, the database is polled"
    )
    retention: Retention = Retention()
    sandbox: Sandbox | None = Field(
        default=None,
        description="with this table the bus is a sandbox: its instance must be `sandbox`, its "
        "name `sandbox` or one that begins with `sandbox.`; no other bus may have such names",
    )
    egress: Egress = Egress()
    hosted: dict[Annotated[str, AfterValidator(_system_id)], HostedKey] = Field(
        default={}, description="systems for which an adapter here signs answers"
    )
    adapters: dict[AdapterName, dict[str, Any]] = Field(
        default={}, description="one table an adapter, handed to its plug-in as it is"
    )
    push: dict[AdapterName, Push] = Field(
        default={}, description="one table an endpoint; answers come in the reply, or later"
    )
    witnesses: dict[AskedName, AskedWitness] = Field(
        default={}, max_length=32, description="whose cosignatures of log 0 count"
    )
    authorities: dict[AskedName, TimeAuthority] = Field(
        default={}, max_length=8, description="who is asked to time-stamp log 0"
    )
    anchoring: AnchoringTable = AnchoringTable()
    tracing: Tracing | None = Field(
        default=None, description="spans for OpenTelemetry; without this table none are made"
    )
    policy: Policy = Policy()
    limits: Limits = Limits()
    delivery: Delivery = Delivery()

    @property
    def engine(self) -> Literal["sqlite", "postgresql"]:
        """What keeps messages and logs."""
        return "sqlite" if self.database is None else "postgresql"

    @property
    def bus_kind(self) -> Literal["embedded", "database", "kafka"]:
        """What carries: this process, the database by a short poll, or Kafka."""
        if self.database is None:
            return "embedded"
        return "database" if self.kafka is None else "kafka"

    @property
    def logs_wanted(self) -> int:
        """How many traffic logs there should be at least."""
        return 1 if self.database is None else self.shards

    def _check_sandbox(self) -> None:
        """Its names mark everything that a sandbox signs, so they are a sandbox's alone."""
        named = (self.instance == "sandbox", self.bus.partition(".")[0] == "sandbox")
        if self.sandbox is None and any(named):
            raise ValueError(
                "the instance `sandbox`, and names of a bus that begin with it, are a sandbox's:"
                " add [sandbox], or choose others"
            )
        if self.sandbox is not None and not all(named):
            raise ValueError(
                'with [sandbox], instance must be "sandbox" and bus "sandbox" or "sandbox.…"'
            )
        if self.sandbox is not None and (self.database is not None or "examples" in self.adapters):
            raise ValueError(
                "a sandbox is one process on a file, and plays the adapter `examples` itself:"
                " take [database] or that adapter away"
            )

    @model_validator(mode="before")
    @classmethod
    def _derive_public_url(cls, values: dict[str, Any]) -> dict[str, Any]:
        if values.get("public_url"):
            return values
        host, port = values.get("host", "127.0.0.1"), values.get("port", 8480)
        return {**values, "public_url": f"http://{host}:{port}"}

    @property
    def founder_counts(self) -> bool:
        """Whether the founder's token may act: as said, and otherwise only on an embedded bus."""
        said = self.policy.founder
        return self.database is None if said is None else said

    @model_validator(mode="after")
    def _check_across(self) -> Self:
        self._check_sandbox()
        if self.kafka is not None and self.database is None:
            raise ValueError(
                "[kafka] needs [database]: Kafka carries, the database keeps; add the one"
                " or take the other away"
            )
        if self.limits.body_bytes_max < self.limits.part_bytes_max:
            raise ValueError("limits.body_bytes_max must be at least limits.part_bytes_max")
        if self.limits.lease_s > self.limits.lease_s_max:
            raise ValueError("limits.lease_s must be at most limits.lease_s_max")
        if self.delivery.retry_first_s > self.delivery.retry_max_s:
            raise ValueError("delivery.retry_first_s must be at most delivery.retry_max_s")
        self._check_asked()
        named = [("hosted", s, s) for s in self.hosted]
        named += [("push", name, one.system) for name, one in self.push.items()]
        for table, name, system in named:
            if system.partition("/")[0] != self.instance:
                raise ValueError(f"{table}.{name!r} is not of instance {self.instance!r}")
        return self

    def _check_asked(self) -> None:
        """Raises ValueError: too few members, a key twice, a host that isn't listed, times."""
        if self.anchoring.stop_s <= self.anchoring.alarm_s:
            raise ValueError("anchoring.stop_s must be more than anchoring.alarm_s")
        counted = {one.member for one in self.witnesses.values() if not one.own}
        if self.witnesses and len(counted) < max(MEMBERS_MIN, self.anchoring.quorum):
            raise ValueError(
                f"witnesses must be of at least {MEMBERS_MIN} members, and of as many as"
                " anchoring.quorum asks for; the operator's own don't count"
            )
        keys = {parse_cosignature_key(one.key).public_key for one in self.witnesses.values()}
        if len(keys) < len(self.witnesses):
            raise ValueError("two of witnesses have one key")
        witnesses = self.witnesses.items()
        named = {f"witnesses.{name}": one.url for name, one in witnesses if one.url is not None}
        named |= {f"authorities.{name}": one.url for name, one in self.authorities.items()}
        if self.tracing is not None:
            named["tracing.endpoint"] = self.tracing.endpoint
        self._check_listed(named)

    def _check_listed(self, named: Mapping[str, str]) -> None:
        """Raises ValueError: the host of an address isn't listed; by what names it."""
        listed = AllowList(self.egress.hosts)
        for name, address in named.items():
            url = urlsplit(address)
            port = url.port or (443 if url.scheme == "https" else 80)
            try:
                listed.rule_for(url.hostname or "", port)
            except SealwayError:
                raise ValueError(
                    f"egress.hosts must list {url.hostname}:{port}, which {name} names"
                ) from None
