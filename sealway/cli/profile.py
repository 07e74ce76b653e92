"""`sealway profile`: add, list, use."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sealway.cli.session import examples, json_option, outside

if TYPE_CHECKING:
    from sealway.profile import Profile

NO = 1
CANNOT_TELL = 2


@click.group
def profile() -> None:
    """Which bus, whose key: add, list and choose.

    A profile is a file NAME.toml in $SEALWAY_HOME/profiles. SEALWAY_HOME is, where nothing says so,
    the nearest .sealway/ upwards, else ~/.sealway; `sealway init` puts the founder's profile of a
    new bus into that bus's folder. The profile in force is --profile, else SEALWAY_PROFILE, else
    the one of `sealway profile use`, else the only one there is.
    """


@profile.command
@click.argument("url")
@click.option("--name", required=True, metavar="NAME")
@click.option("--system", metavar="ID", help="The system it acts for.")
@click.option("--key", type=click.Path(exists=True, dir_okay=False), metavar="FILE")
@click.option("--certificate", type=click.Path(exists=True, dir_okay=False), metavar="FILE")
@click.option("--token", type=click.Path(exists=True, dir_okay=False), metavar="FILE")
@click.option(
    "--log-key",
    "log_keys",
    multiple=True,
    metavar="KEY",
    help="The verifier key of the bus's log 0; with a successor of it, give both.",
)
@click.option("--force", is_flag=True, help="Write over a profile of that name.")
@json_option
@examples(
    "sealway profile add http://127.0.0.1:8480 --name benefits \\",
    "    --system sx/GOV/1001/benefits \\",
    "    --key benefits.key.pem --certificate benefits.cert.pem \\",
    "    --log-key 'sx.example/log/0+1f2e3d4c+AW…'",
    "sealway profile add http://127.0.0.1:8480 --name founder --token .sealway/founder.token",
)
def add(
    url: str,
    name: str,
    system: str | None,
    key: str | None,
    certificate: str | None,
    token: str | None,
    log_keys: tuple[str, ...],
    force: bool,
    as_json: bool,
) -> int:
    """Make a profile for the bus at URL: for a system (--system, --key, --certificate) or for a
    person (--token).

    All that the profile's proofs rest on is log 0's key: give it with --log-key, as your
    operator told you by another way. A bus whose log 0 was succeeded has a key for each: give
    them all, so that older records stay provable. Without it, the key that the bus shows is
    printed and you are asked; where nobody can be asked, exit 2.
    """
    from sealway.cli.output import print_json, print_object
    from sealway.credentials import identity_of
    from sealway.profile import profile_from, profile_path
    from sealway.trust import Trust

    _check_sort(system, key, certificate, token)
    if not url.startswith(("http://", "https://")):
        raise click.BadParameter(f"the URL must begin with http:// or https://, not {url!r}")
    path = profile_path(name)
    if path.exists() and not force:
        raise click.BadParameter(f"{path} exists already; --force writes over it")
    told = _well_known(url.rstrip("/"))
    if token is None:
        _check_name(url.rstrip("/"), told)
    if not log_keys and token is None:
        log_keys = _ask_for_keys(told)
        if not log_keys:
            return CANNOT_TELL
    if log_keys and not _agrees(told, log_keys):
        return NO
    members: dict[str, Any] = {"url": url.rstrip("/")}
    members |= {"bus": str(told.get("bus", "")), "instance": str(told.get("instance", ""))}
    files = {"key": key, "certificate": certificate, "token": token}
    pinned = log_keys[0] if len(log_keys) == 1 else list(log_keys) or None
    optional = {"log_key": pinned, "system": system}
    members |= {member: value for member, value in optional.items() if value is not None}
    members |= {
        member: _from(path.parent, Path(file).absolute())
        for member, file in files.items()
        if file is not None
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    made = profile_from(name, members, path.parent)
    if made.log_key is not None:
        Trust.of(made)
    if made.token is not None:
        made.read_token()
    else:
        identity_of(made)
    _write(path, members)
    said = {"name": name, "file": str(path), **members}
    (print_json if as_json else print_object)(said)
    return 0


def _from(folder: Path, file: Path) -> str:
    """Relative when both lie in one home, which may move; otherwise absolute."""
    below = file.is_relative_to(folder.parent)
    return os.path.relpath(file, folder) if below else str(file)


def _check_sort(
    system: str | None, key: str | None, certificate: str | None, token: str | None
) -> None:
    whole = all((system, key, certificate))
    if bool(token) == whole or (token and any((system, key, certificate))):
        raise click.UsageError("Give --system, --key and --certificate; or --token.")


def _well_known(url: str) -> dict[str, Any]:
    from sealway.connection import Connection
    from sealway.errors import Refused
    from sealway.steps import Call, object_of

    connection = Connection(url, transport=outside().transport)
    try:
        return object_of(connection.call(Call("GET", "/.well-known/sealway")))
    except Refused as error:
        raise click.BadParameter(f"{url} is not a bus's address; give it without a path") from error
    finally:
        connection.close()


def _check_name(url: str, told: dict[str, Any]) -> None:
    """A system's tokens name the bus's public URL; under another name each would be refused."""
    docs = told.get("docs")
    public = docs.removesuffix("/docs") if isinstance(docs, str) else url
    if public != url:
        raise click.BadParameter(f"systems reach this bus as {public!r}; give that URL")


def _ask_for_keys(told: dict[str, Any]) -> tuple[str, ...]:
    from sealway.cli.output import note

    shown = tuple(_shown_keys(told).values())
    if not shown:
        note("The bus shows no key of log 0. Ask its operator, and give it with --log-key.")
        return ()
    note("The bus shows this key of log 0:" + "".join(f"\n  {key}" for key in shown))
    if not sys.stdin.isatty():
        note("Compare it with what the operator told you, and give it with --log-key.")
        return ()
    if not click.confirm("Is it the one your operator told you?", err=True):
        return ()
    return shown


def _agrees(told: dict[str, Any], log_keys: tuple[str, ...]) -> bool:
    """Whether the bus shows the keys that are pinned; another is another bus, or a wrong key."""
    from sealway.cli.output import note
    from sealway.pinned import Pinned
    from signing.log.note import parse_verifier_key

    pinned = Pinned.parse(str(told.get("bus", "")), log_keys)
    given = {parse_verifier_key(key).name: key for key in log_keys}
    for origin, key in _shown_keys(told).items():
        if pinned.find(origin) is None:
            note(f"The bus works with {origin} now, and you give no key for it. It shows:\n  {key}")
            note("No profile was made. Ask the operator for that key too, and give each of them.")
            return False
        if given[origin] != key:
            note(f"The bus shows another key of log 0 than the one you give:\n  {key}")
            note(
                "No profile was made. Ask the operator which is right, and whether this is the bus."
            )
            return False
    return True


def _shown_keys(told: dict[str, Any]) -> dict[str, str]:
    """Never believed: only compared with what the operator told by another way."""
    from sealway.pinned import succession

    bus, shown = str(told.get("bus", "")), {}
    for log in told.get("logs", []):
        origin, key = str(log.get("origin", "")), log.get("key")
        if succession(bus, origin) is not None and isinstance(key, str):
            shown[origin] = key
    return shown


def _pins(profile: Profile) -> list[str]:
    """The logs whose keys a profile pins."""
    return [key.partition("+")[0] for key in profile.log_keys]


def _write(path: Path, members: dict[str, Any]) -> None:
    import tomlkit

    path.write_text(tomlkit.dumps(members), "utf-8")


@profile.command("list")
@json_option
@examples("sealway profile list", "sealway profile list --json | jq -r '.profiles[0].log_keys[0]'")
def list_(as_json: bool) -> int:
    """The profiles there are; the one in force is marked."""
    from sealway.cli.output import print_json, print_table
    from sealway.errors import ProfileInvalid
    from sealway.profile import current_name, load_profile, profile_names

    current = current_name()
    rows: list[dict[str, Any]] = []
    for name in profile_names():
        row: dict[str, Any] = {"name": name, "current": name == current}
        try:
            loaded = load_profile(name)
            row |= {"url": loaded.url, "acts_as": loaded.system or "a person"}
            row |= {"pins": _pins(loaded), "log_keys": list(loaded.log_keys)}
        except ProfileInvalid as error:
            row["acts_as"] = f"cannot be used: {error.detail}"
        rows.append(row)
    if as_json:
        print_json({"profiles": rows})
    else:
        print_table(("name", "current", "url", "acts_as", "pins"), rows)
    return 0


@profile.command
@click.argument("name")
@json_option
@examples("sealway profile use benefits")
def use(name: str, as_json: bool) -> int:
    """Make NAME the profile in force, where SEALWAY_PROFILE and --profile say nothing."""
    from sealway.cli.output import print_json, print_object
    from sealway.profile import choose

    chosen = choose(name)
    acts_as = chosen.system or "a person"
    said = {"name": name, "url": chosen.url, "acts_as": acts_as, "pins": _pins(chosen)}
    (print_json if as_json else print_object)(said)
    return 0
