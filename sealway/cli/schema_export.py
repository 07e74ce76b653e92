"""`sealway schema export`: the registry's schemas as files that another bus can apply."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

import click

from sealway.cli.session import bus_options, connected, examples, fetch_all

_ENDINGS: Final = {"json-schema": ".json", "avro": ".avsc", "xsd": ".xsd"}
_PLAIN: Final = re.compile(r"[^A-Za-z0-9._-]+", re.ASCII)
_HEAD: Final = "# Made by `sealway schema export`; `sealway apply` registers them elsewhere.\n"


@click.command("export")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option("--subject", help="Only the versions of this one.")
@bus_options
@examples(
    "sealway schema export schemas/",
    "sealway schema export schemas/ --subject person-status.response --json",
)
def export(folder: Path, subject: str | None, profile_name: str | None, as_json: bool) -> int:
    """Write the schemas in force that you may see to DIR, with a network.toml that names them.

    Each text is as it was submitted, each example a file beside it. DIR must be new or empty.

    \b
    Exit codes: 0 written, 3 usage, 4 bus not reachable.
    """
    from sealway.cli.output import print_json

    if folder.exists() and any(folder.iterdir()):
        raise click.BadParameter(f"{folder} is not empty.", param_hint="DIR")
    with connected(profile_name) as bus:
        items = fetch_all(bus, "/v1/schemas").get("items", [])
    kept = [one for one in items if one["state"] in ("active", "deprecated")]
    chosen = _with_references([one for one in kept if subject in (None, one["subject"])], kept)
    if subject is not None and not chosen:
        raise click.BadParameter(f"No schema in force that you may see is of {subject!r}.")
    folder.mkdir(parents=True, exist_ok=True)
    tables = [_written(folder, one) for one in chosen]
    (folder / "network.toml").write_text("\n".join([_HEAD, *tables]), "utf-8", newline="\n")
    if as_json:
        print_json({"folder": str(folder), "schemas": [one["fingerprint"] for one in chosen]})
    else:
        print(f"{len(chosen)} schemas in {folder}")
    return 0


def _with_references(chosen: list[Any], kept: list[Any]) -> list[Any]:
    """Also what they refer to, in the order in which they were registered."""
    known = {one["fingerprint"]: one for one in kept}
    found: dict[str, Any] = {}
    pending = list(chosen)
    while pending:
        one = pending.pop()
        if one["fingerprint"] not in found:
            found[one["fingerprint"]] = one
            referred = (known.get(each["fingerprint"]) for each in one.get("references", ()))
            pending.extend(each for each in referred if each is not None)
    return sorted(found.values(), key=lambda one: int(one["id"]))


def _written(folder: Path, one: dict[str, Any]) -> str:
    """One schema's files; its table of network.toml."""
    name = f"{one['id']:05d}-{_PLAIN.sub('_', one['subject'])[:100]}.v{one['version']}"
    ending = _ENDINGS[one["format"]]
    _write(folder / f"{name}{ending}", one["text"])
    lines = ["[[schema]]", f"subject = {json.dumps(one['subject'])}"]
    lines += [f'file = "{name}{ending}"', f'format = "{one["format"]}"']
    if one.get("references"):
        named = [
            f'name = {json.dumps(each["name"])}, fingerprint = "{each["fingerprint"]}"'
            for each in one["references"]
        ]
        lines.append("references = [" + ", ".join(f"{{{each}}}" for each in named) + "]")
    for list_ in ("examples", "counter_examples"):
        files = []
        for number, text in enumerate(one.get(list_, ()), 1):
            files.append(f"{name}.{list_.replace('_', '-')}.{number}.txt")
            _write(folder / files[-1], text)
        if files:
            lines.append(f"{list_} = {json.dumps(files)}")
    return "\n".join(lines) + "\n"


def _write(path: Path, text: str) -> None:
    path.write_bytes(text.encode("utf-8"))
