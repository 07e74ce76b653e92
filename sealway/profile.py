"""Profiles: which bus, whose key, what is trusted.

Owns the files `$SEALWAY_HOME/profiles/NAME.toml`, the choice of the profile in force, and every
look at the environment that the SDK and the command line take. Refuses unknown members, and to
open a private key that is not named. Invariant: a `Profile` in hand is complete for its sort:
a system's has key, certificate and the pinned key of log 0; a person's has a token file.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

from sealway.errors import ProfileInvalid
from sealway.secret_files import warn_if_open

HOME_VARIABLE: Final = "SEALWAY_HOME"
PROFILE_VARIABLE: Final = "SEALWAY_PROFILE"
DATABASE_VARIABLE: Final = "SEALWAY_DATABASE__URL"
FOLDER_NAME: Final = ".sealway"
CURRENT_FILE: Final = ".current"
SECRET_BYTES_MAX: Final = 64 * 1024  # a PEM key has 2 kB; more is somebody's mistake

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_PATHS: Final = ("key", "certificate", "token")
_REQUIRED: Final = ("url", "bus", "instance")


@dataclass(frozen=True, slots=True)
class Profile:
    """One way to a bus. Paths are absolute; `log_key` is log 0's verifier key (C2SP note).

    A bus whose log 0 was succeeded has several: the profile's `log_key` is a list then.
    """

    name: str
    url: str
    bus: str
    instance: str
    log_key: str | tuple[str, ...] | None = None
    system: str | None = None
    key: Path | None = None
    certificate: Path | None = None
    token: Path | None = None

    @property
    def log_keys(self) -> tuple[str, ...]:
        """The pinned keys: none, one, or one for log 0 and one for each successor."""
        if self.log_key is None:
            return ()
        return (self.log_key,) if isinstance(self.log_key, str) else self.log_key

    def read_key(self) -> bytes:
        """The bytes of the system's private key; a warning is logged when others may read it.

        Raises:
            ProfileInvalid: the profile names no key, or the file cannot be read.
        """
        return _read(self.name, "key", self.key)

    def read_certificate(self) -> bytes:
        """The bytes of the system's certificate.

        Raises:
            ProfileInvalid: the profile names no certificate, or the file cannot be read.
        """
        return _read(self.name, "certificate", self.certificate)

    def read_token(self) -> str:
        """The person's token, without the line's end.

        Raises:
            ProfileInvalid: the profile names no token, or the file is not one line of ASCII.
        """
        try:
            text = _read(self.name, "token", self.token).decode("ascii").strip()
        except UnicodeDecodeError:
            text = ""
        if not text or len(text.split()) != 1:
            raise ProfileInvalid(f"The token file of profile {self.name!r} holds no token.")
        return text


def home() -> Path:
    """`SEALWAY_HOME`, or the nearest `.sealway/` from here upwards, or `~/.sealway`."""
    named = os.environ.get(HOME_VARIABLE)
    if named:
        return Path(named).expanduser().absolute()
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / FOLDER_NAME).is_dir():
            return folder / FOLDER_NAME
    return Path.home() / FOLDER_NAME


def database_url() -> str | None:
    """The address in `SEALWAY_DATABASE__URL`, which goes before a bus's settings."""
    return os.environ.get(DATABASE_VARIABLE) or None


def profile_names() -> list[str]:
    """The names of the profiles there are, sorted."""
    folder = home() / "profiles"
    return sorted(file.stem for file in folder.glob("*.toml") if _NAME.fullmatch(file.stem))


def profile_path(name: str) -> Path:
    """Where the profile `name` is kept.

    Raises:
        ProfileInvalid: the name is not one (`[a-z0-9][a-z0-9._-]{0,63}`).
    """
    if not _NAME.fullmatch(name) or ".." in name:
        raise ProfileInvalid(f"{name!r} is no profile name: small letters, digits, '.', '_', '-'.")
    return home() / "profiles" / f"{name}.toml"


def current_name() -> str | None:
    """The profile in force: `SEALWAY_PROFILE`, or the one chosen with `use`, or the only one."""
    named = os.environ.get(PROFILE_VARIABLE)
    if named:
        return named
    try:
        chosen = (home() / "profiles" / CURRENT_FILE).read_text("utf-8").strip()
    except OSError:
        chosen = ""
    if chosen:
        return chosen
    names = profile_names()
    return names[0] if len(names) == 1 else None


def choose(name: str) -> Profile:
    """Make `name` the profile in force for this home.

    Raises:
        ProfileInvalid: there is no such profile.
    """
    chosen = load_profile(name)
    (home() / "profiles" / CURRENT_FILE).write_text(f"{name}\n", "utf-8")
    return chosen


def load_profile(name: str | None = None) -> Profile:
    """The profile `name`, or the one in force.

    Raises:
        ProfileInvalid: none is named and none can be told; the file is missing or wrong.
    """
    name = name or current_name()
    if name is None:
        raise ProfileInvalid(_none_chosen(home() / "profiles", profile_names()))
    path = profile_path(name)
    try:
        members = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ProfileInvalid(
            f"There is no profile {name!r} (looked for {path}). "
            "'sealway profile list' shows what there is."
        ) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ProfileInvalid(f"{path} cannot be read: {type(error).__name__}.") from error
    return profile_from(name, members, path.parent)


def _none_chosen(folder: Path, names: list[str]) -> str:
    if not names:
        return (
            f"No profile is chosen; in {folder} there are none. Set {HOME_VARIABLE} to the folder "
            "that has yours ('sealway init' made one in the new bus's folder), or make one with "
            "'sealway profile add'."
        )
    return (
        f"No profile is chosen; in {folder} there are: {', '.join(names)}. Name one (--profile, "
        f"{PROFILE_VARIABLE}), choose one for good ('sealway profile use {names[0]}'), or make one "
        "with 'sealway profile add'."
    )


def profile_from(name: str, members: Mapping[str, Any], folder: Path) -> Profile:
    """A profile from its members; relative paths are taken from `folder`.

    Raises:
        ProfileInvalid: a member is unknown, missing, or not a text.
    """
    known = {field.name for field in fields(Profile)} - {"name"}
    for member, value in members.items():
        if member not in known:
            raise ProfileInvalid(f"Profile {name!r} has an unknown member {member!r}.")
        if member == "log_key" and isinstance(value, list | tuple):
            if not value or not all(isinstance(one, str) and one for one in value):
                raise ProfileInvalid(f"A list in log_key of profile {name!r} must hold keys.")
        elif not isinstance(value, str) or not value:
            raise ProfileInvalid(f"Member {member!r} of profile {name!r} must be a text.")
    required = _REQUIRED if "token" in members else (*_REQUIRED, "log_key", *_SYSTEMS)
    for member in required:
        if member not in members:
            raise ProfileInvalid(f"Profile {name!r} lacks {member!r}.")
    if not re.fullmatch(r"https?://[^\s?#]+", members["url"]):
        raise ProfileInvalid(f"The url of profile {name!r} must begin with http:// or https://.")
    values: dict[str, Any] = {**members, "url": members["url"].rstrip("/")}
    if not isinstance(values.get("log_key", ""), str):
        values["log_key"] = tuple(values["log_key"])
    for member in _PATHS:
        if member in values:
            values[member] = (folder / Path(values[member]).expanduser()).absolute()
    return Profile(name=name, **values)


_SYSTEMS: Final = ("system", "key", "certificate")


def _read(profile: str, member: str, path: Path | None) -> bytes:
    if path is None:
        raise ProfileInvalid(f"Profile {profile!r} names no {member}.")
    try:
        with path.open("rb") as file:
            data = file.read(SECRET_BYTES_MAX + 1)
        if member != "certificate":
            warn_if_open(path)
    except OSError as error:
        raise ProfileInvalid(
            f"The {member} of profile {profile!r} cannot be read: {path} ({error.strerror})."
        ) from error
    if not data or len(data) > SECRET_BYTES_MAX:
        raise ProfileInvalid(f"{path} is empty or far too long to be a {member}.")
    return data
