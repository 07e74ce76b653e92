"""The load on everything that speaks HTTP: a process of its own, driven by lines of JSON.

`prepare` composes and signs requests ahead; `run` sends them (`lanes.py`) and checks a sample of
what came back. Requests to a bus are used once; those to the plain peers may repeat.
"""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import uvloop

from benchmarks.bodies import request_body
from benchmarks.lanes import Round, run_round
from benchmarks.messages import (
    ACCEPT,
    BODIES,
    EXCHANGE,
    Checker,
    Desk,
    Sent,
    check_plain,
    plain_request,
)


class Load:
    """What the process holds between commands."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._ports: dict[str, list[int]] = settings["ports"]
        self._plain: list[str] = settings["plain"]
        self._desks = [
            Desk(system, Path(key), Path(certificate))
            for system, key, certificate in settings["consumers"]
        ]
        self._checker = Checker(Path(settings["provider"]), settings["log_keys"])
        self._made: dict[str, list[tuple[bytes, Sent]]] = {EXCHANGE: [], ACCEPT: []}

    def prepare(self, kind: str, count: int) -> dict[str, Any]:
        """Compose and sign until ``count`` requests of a kind are ready."""
        began_s, made = time.perf_counter(), self._made[kind]
        missing = max(0, count - len(made))
        desks = len(self._desks)
        made += [self._desks[number % desks].compose(number, kind) for number in range(missing)]
        return {"made": missing, "took_s": time.perf_counter() - began_s}

    async def run(
        self,
        target: str,
        concurrency: int,
        seconds: float,
        kind: str = EXCHANGE,
        rate: float | None = None,
    ) -> dict[str, Any]:
        """One run against ``target``; what was sent to a bus is used up."""
        ports = self._ports[target]
        if target in self._plain:
            bodies = [plain_request(ports[0], request_body(number)) for number in range(BODIES)]
            round_ = Round(bodies * (1 + int(20_000 * seconds) // BODIES))
            said = await run_round(round_, ports, concurrency, seconds, rate)
            return {**said, "checked": check_plain([response for _, response in round_.samples])}
        made = self._made[kind]
        good = b"HTTP/1.1 200" if kind == EXCHANGE else b"HTTP/1.1 202"
        round_ = Round([request for request, _ in made], good=good)
        said = await run_round(round_, ports, concurrency, seconds, rate)
        ran_out = round_.next == len(made)
        checked = self._check(made, round_) if kind == EXCHANGE else 0
        del made[: round_.next]
        return {**said, "checked": checked, "ran_out": ran_out}

    def _check(self, made: list[tuple[bytes, Sent]], round_: Round) -> int:
        for number, response in round_.samples:
            self._checker.check(made[number][1], response)
        return len(round_.samples)


def main() -> None:
    """Carry out commands until standard input ends."""
    load = Load(json.loads(sys.argv[1]))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        for line in sys.stdin:
            command = json.loads(line)
            if command.pop("do") == "prepare":
                result = load.prepare(**command)
            else:
                result = runner.run(load.run(**command))
            print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
