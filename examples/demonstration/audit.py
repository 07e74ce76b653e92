"""The auditor: what a bus stored is proven offline; one changed byte is found."""

from __future__ import annotations

import re
from pathlib import Path

from demonstration.commands import Said
from demonstration.country import Country
from demonstration.screen import Screen
from demonstration.stores import change_one_byte

_SHARD = re.compile(r"log \d+ ")


def show_proof(screen: Screen, country: Country, scratch: Path) -> int:
    """The bus stops; what it wrote proves itself, to somebody who trusts one key.

    Gives the number of traffic's logs that were proven, none unless all were.
    """
    shards = 0
    with screen.step("The bus stops; an auditor proves its data, offline") as step:
        for name in ("office", "register"):
            country.processes.stop(name)
        codes = country.stop_bus()
        several = "each of its processes" if len(codes) > 1 else "the bus"
        step.check(set(codes.values()) == {0}, f"{several} ended in good order on SIGTERM", codes)
        folder = country.store_to_verify(scratch)
        said = _verify(country, folder)
        step.out(
            f'sealway audit verify {folder.name} --log-key "$LOG_KEY" --epoch-keys keys/epoch-1'
        )
        *table, verdict = said.out.strip().splitlines() or [said.err]
        step.note("\n".join(re.sub(r"  +", "  ", line) for line in table if line))
        step.back(verdict, said.took_s)
        step.check(
            said.code == 0, "exit 0: every tree, checkpoint, record, receipt, signature", said.err
        )
        if said.code == 0:
            shards = sum(_SHARD.match(line) is not None for line in table) - 1  # log 0 is no shard
    return shards


def show_tampering(screen: Screen, country: Country, scratch: Path) -> None:
    """Somebody with the database in hand changes one byte of a leaf."""
    with screen.step(f"One byte of a stored leaf is changed with {country.hand}") as step:
        store = country.store_to_tamper_with(scratch)
        before, after = change_one_byte(store)
        place = "log {}, index {}".format(*store.place)
        step.out(f"{place}\n{before} …  becomes\n{after} …")
        said = _verify(country, store.folder)
        found = [line for line in said.out.splitlines() if line.startswith("false")]
        for line in found:
            step.note(re.sub(r"  +", "  ", line))
        step.back((said.out.strip() or said.err).splitlines()[-1], said.took_s)
        step.check(said.code == 1, "exit 1: false", said.code)
        step.check(any(place in line for line in found), f"it names the place: {place}", said.out)


def _verify(country: Country, folder: Path) -> Said:
    epochs = ("--epoch-keys", str(country.home / "keys" / "epoch-1"))
    return country.commands.sealway(
        "audit", "verify", str(folder), "--log-key", country.log_key, *epochs
    )
