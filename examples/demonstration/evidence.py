"""The auditor's other way: a bundle is taken from the bus, and proves itself where no bus is."""

from __future__ import annotations

import json
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

from demonstration.country import Country
from demonstration.screen import Screen

WITNESS = "witness.fisheries.example/w1"
AUDITOR = "auditor"
TRIES = 3
"""The bus may anchor between the export and the witness's look: then both do it again."""


@dataclass(frozen=True, slots=True)
class Case:
    """What the auditor took along: the bundle, the anchors, what the witness said."""

    bundle: Path
    anchors: Path
    cosigned: Path


def show_export(screen: Screen, country: Country, scratch: Path) -> Case:
    """An auditor asks a running bus; a witness, who is somebody else, cosigns its log 0."""
    case = Case(scratch / "case.zip", scratch / "anchors.toml", scratch / "cosigned.txt")
    with screen.step("An auditor takes evidence away; a witness cosigns log 0") as step:
        sealway = country.commands
        key = _witness(country, scratch)
        step.out("sealway person add Auditor --role auditor --profile founder > auditor.token")
        _add_auditor(country, scratch)
        chosen = ("--service", "person-status", "--profile", AUDITOR, "--json")
        step.out("sealway audit select --service person-status")
        told = sealway.must("audit", "select", *chosen).json
        step.back(f"{told['selected']} of {told['leaves']} leaves")
        step.check(0 < told["selected"] < told["leaves"], "some leaves match, not all", told)
        step.out("sealway audit export case.zip --service person-status")
        for _ in range(TRIES):
            export = sealway.must("audit", "export", str(case.bundle), *chosen)
            poll = sealway.must("witness", "poll", str(scratch / "witness"), "--once")
            case.cosigned.write_text(poll.out, "utf-8")
            made, seen = _size(case.bundle), int(poll.out.split("\n")[1])
            if made == seen:
                break
        step.back(f"{export.json['bytes']} bytes in {export.json['files']} files", export.took_s)
        step.back(f"{WITNESS} cosigned log 0 at {seen} leaves", poll.took_s)
        step.check(made == seen, "the witness saw the log that the bundle holds", (made, seen))
        _write_anchors(case.anchors, country.log_key, key)
    return case


def show_bundle(screen: Screen, country: Country, case: Case) -> None:
    """No bus, no network, no database: the bundle and what the auditor trusts."""
    with screen.step("The bundle proves itself, with no bus; anchors say whom to trust") as step:
        cosigned = ("--cosigned", str(case.cosigned))
        words = ("audit", "verify", str(case.bundle), "--anchors", str(case.anchors))
        step.out("sealway audit verify case.zip --anchors anchors.toml --cosigned cosigned.txt")
        said = country.commands.sealway(*words, *cosigned)
        *table, verdict = said.out.strip().splitlines() or [said.err]
        step.note("\n".join(re.sub(r"  +", "  ", line) for line in table if line))
        step.back(verdict, said.took_s)
        step.check(said.code == 0, "exit 0: nothing missing, every match there, witnessed", said)
        alone = country.commands.sealway("audit", "verify", str(case.bundle), "--json")
        step.back(f"without anchors: {alone.json['sentence']}", alone.took_s)
        step.check(alone.code == 2, "exit 2: keys in a bundle are no roots", alone.code)


def _add_auditor(country: Country, scratch: Path) -> None:
    """A person with the auditor's role, and the profile to act as that person."""
    words = ("person", "add", "Auditor", "--role", "auditor", "--profile", "founder", "--json")
    token = scratch / "auditor.token"
    token.touch(0o600)
    token.write_text(str(country.commands.must(*words).json["token"]) + "\n", "ascii")
    keys = ("--token", str(token), "--log-key", country.log_key)
    country.commands.must("profile", "add", country.url, "--name", AUDITOR, *keys)


def _witness(country: Country, scratch: Path) -> str:
    words = ("witness", "new", str(scratch / "witness"), "--name", WITNESS, "--json")
    key = str(country.commands.must(*words).json["key"])
    with (scratch / "witness" / "witness.toml").open("a", encoding="utf-8") as file:
        file.write(f'\n[[log]]\nkey = "{country.log_key}"\nurl = "{country.url}/log/0"\n')
    return key


def _size(bundle: Path) -> int:
    with zipfile.ZipFile(bundle) as archive:
        return int(archive.read("log/0/checkpoint").split(b"\n")[1])


def _write_anchors(file: Path, log_key: str, witness: str) -> None:
    bus = log_key.partition("/log/")[0]
    keys = f"log_keys = {json.dumps([log_key])}"
    witnesses = f"[witnesses]\nquorum = 1\nkeys = {json.dumps([witness])}"
    file.write_text(f"bus = {json.dumps(bus)}\n{keys}\n\n{witnesses}\n", "utf-8")
