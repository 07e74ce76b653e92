"""`agent.toml`: the one file of an agent.

Owns names, types, defaults and reasons of what an agency can set. Refuses to listen beyond this
machine without a token, and to serve what no adapter answers.

Invariant: paths are absolute; every key is one that is listed here.
"""

import ipaddress
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator

from adapters.egress import HostRule
from adapters.errors import AdapterSettingsInvalid
from adapters.settings import ServiceKey, SettingsTable
from sealway.profile import Profile, load_profile, profile_from
from signing.errors import SealwayError
from signing.identifiers import parse_code, parse_service_code, parse_system_id

FILE_NAME: Final = "agent.toml"
MIB: Final = 1024 * 1024


def _host_rule(text: str) -> str:
    try:
        HostRule.parse(text)
    except SealwayError as error:
        raise ValueError(error.detail) from None
    return text


def _purpose(text: str) -> str:
    try:
        return str(parse_code(text))
    except SealwayError:
        raise ValueError("a purpose is a code like child-benefit") from None


def _service_path(text: str) -> str:
    system, _, service = text.rpartition("/")
    try:
        return f"{parse_system_id(system)}/{parse_service_code(service)}"
    except SealwayError:
        raise ValueError("a service is named like sx/GOV/3003/territories/subdivisions") from None


Purpose = Annotated[str, AfterValidator(_purpose)]
ServicePath = Annotated[str, AfterValidator(_service_path)]
AdapterName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,63}$")]


class Listen(SettingsTable):
    """`[listen]`: where local systems reach the agent, in plain HTTP."""

    host: str = Field(default="127.0.0.1", description="address to listen on")
    port: int = Field(default=8470, ge=0, le=65_535, description="port to listen on; 0: any")
    beyond_loopback: bool = Field(
        default=False,
        description="allow a host that other machines reach; needs `token_file`, and a proxy "
        "that ends TLS: the agent itself speaks plain HTTP",
    )
    token_file: Path | None = Field(
        default=None,
        description="file with a token of 32 characters or more that each call must carry as "
        "`Authorization: Bearer`; for machines that others use too",
    )

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine reaches it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @model_validator(mode="after")
    def _check_reach(self) -> Self:
        if not self.is_loopback and not (self.beyond_loopback and self.token_file):
            raise ValueError(
                "host is not this machine's own: others could ask in your name. Say so with"
                " beyond_loopback = true and give a token_file, or listen on 127.0.0.1"
            )
        return self


class Limits(SettingsTable):
    """`[limits]`: what one agent takes on."""

    body_bytes_max: int = Field(
        default=10 * MIB, ge=1, le=10 * MIB, description="a question; the bus takes no larger JSON"
    )
    body_s_max: float = Field(
        default=10.0, gt=0, le=600, description="for a question to arrive; it comes from nearby"
    )
    questions_max: int = Field(
        default=48, ge=1, le=1000, description="at once; the bus lets a system wait 64 times"
    )
    connections_max: int = Field(default=256, ge=1, le=10_000, description="open at once")
    wait_s: float = Field(
        default=20.0, ge=0, le=60, description="for an answer, unless the call says `Prefer: wait`"
    )
    wait_s_max: float = Field(
        default=60.0, gt=0, le=600, description="for an answer, whatever the call says"
    )
    drain_s: float = Field(
        default=20.0, gt=0, le=600, description="for answers in hand, once told to stop"
    )


class Mailbox(SettingsTable):
    """`[mailbox]`: how questions to this system are fetched and answered."""

    answers_max: int = Field(
        default=8, ge=1, le=100, description="questions in hand at once; each is one call of yours"
    )
    lease_s: int = Field(
        default=60, ge=10, le=3600, description="how long a killed agent's questions stay away"
    )
    wait_s: int = Field(default=20, ge=0, le=60, description="an empty lease call stays open")
    answer_s_max: float = Field(
        default=60.0, gt=0, le=3600, description="for one call of an adapter"
    )
    pause_s_max: float = Field(
        default=30.0, gt=0, le=600, description="between two tries of a question that failed"
    )


class EgressTable(SettingsTable):
    """`[egress]`: the only hosts that adapters may call."""

    hosts: tuple[Annotated[str, AfterValidator(_host_rule)], ...] = Field(
        default=(), description="rules `host:port` or `host:port private`; none by default"
    )
    ca_file: Path | None = Field(
        default=None, description="certificate authorities in PEM, instead of the system's"
    )


class AgentSettings(SettingsTable):
    """Everything that can be set. `folder` is where the file was; relative paths start there."""

    folder: Path = Field(exclude=True)
    profile: str = Field(
        min_length=1,
        description="who the agent is: the name of a profile, or the path of its file (*.toml)",
    )
    receipts: Path = Field(default=Path("receipts"), description="folder where receipts are kept")
    purpose: Purpose | None = Field(
        default=None, description="of questions that name none themselves (`Sealway-Purpose`)"
    )
    purposes: dict[ServicePath, Purpose] = Field(
        default={}, description="by service; go before `purpose`"
    )
    serves: dict[ServiceKey, str] = Field(
        default={}, description="services of ours with delivery mailbox → adapter that answers"
    )
    adapters: dict[AdapterName, dict[str, Any]] = Field(
        default={}, description="one table an adapter, handed to its plug-in as it is"
    )
    egress: EgressTable = EgressTable()
    listen: Listen = Listen()
    limits: Limits = Limits()
    mailbox: Mailbox = Mailbox()

    def purpose_of(self, system: str, service: str) -> str | None:
        """The purpose of a question that names none."""
        return self.purposes.get(f"{system}/{service}", self.purpose)

    def load_profile(self) -> Profile:
        """The profile it names. Raises ProfileInvalid."""
        if not self.profile.endswith(".toml"):
            return load_profile(self.profile)
        path = self.folder / self.profile
        try:
            members = tomllib.loads(path.read_text("utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise AdapterSettingsInvalid(f"The profile {path} can't be read.") from error
        return profile_from(path.stem, members, path.parent)

    @model_validator(mode="after")
    def _check_across(self) -> Self:
        for service, name in self.serves.items():
            if name not in self.adapters:
                raise ValueError(f"serves.{service} names {name!r}, which is no [adapters.{name}]")
        return self


def read_agent_file(path: Path) -> AgentSettings:
    """The settings in a file.

    Raises:
        AdapterSettingsInvalid: it can't be read, or keys are unknown or wrong; all are named.
    """
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise AdapterSettingsInvalid(
            f'There is no {path}; write one (profile = "NAME" is enough to ask), or give --profile.'
        ) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise AdapterSettingsInvalid(f"{path} can't be read: {error}.") from error
    return agent_settings(values, path.absolute().parent)


def agent_settings(values: Mapping[str, Any], folder: Path) -> AgentSettings:
    """Settings from members; relative paths start at `folder`. Raises AdapterSettingsInvalid."""
    try:
        found = AgentSettings.model_validate({**values, "folder": folder})
    except ValidationError as error:
        mistakes = (
            f"{'.'.join(str(step) for step in one['loc']) or FILE_NAME}: "
            f"{one['msg'].removeprefix('Value error, ')}"
            for one in error.errors(include_input=False, include_url=False, include_context=False)
        )
        raise AdapterSettingsInvalid("; ".join(mistakes)) from None
    return found
