"""A small steady load: agencies that go on asking while the bus is in trouble.

Owns its threads and the history of every question. Invariant: a question is counted as answered
only when the SDK verified the answer and it is about what was asked; every question has an end.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle

from demonstration.country import TERRITORIES

from sealway import Client
from sealway.errors import SdkError

COUNTRIES = dict(
    one.split("=") for one in ["EE=EST", "FI=FIN", "LV=LVA", "LT=LTU", "SE=SWE", "IS=ISL"]
)
ASK_S = 60.0  # a question outlives every failure that is shown, leases and sessions included
PAUSE_S = 0.05


@dataclass(frozen=True)
class Asked:
    """One question's history, on the clock that only goes forward."""

    profile: str
    began_s: float
    ended_s: float
    problem: str = ""


class Load:
    """Asks through each of some profiles until told to stop."""

    def __init__(self, *profiles: str) -> None:
        self._stop = threading.Event()
        self._history: list[Asked] = []
        self._threads = [
            threading.Thread(target=self._go_on, args=(profile,), name=f"load {profile}")
            for profile in profiles
        ]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.finish()

    def finish(self) -> Sequence[Asked]:
        """Ask nothing new, wait for what was asked, and give every question's history."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        return tuple(self._history)

    def first_answer_since(self, moment_s: float, profile: str, wait_s: float) -> float | None:
        """How many seconds after a moment the first question was answered that was asked after it.

        Waits for that; None when none was in time.
        """
        until_s = time.monotonic() + wait_s
        while time.monotonic() < until_s:
            for one in tuple(self._history):
                if one.profile == profile and one.began_s >= moment_s and not one.problem:
                    return one.ended_s - moment_s
            time.sleep(0.05)
        return None

    def _go_on(self, profile: str) -> None:
        with Client.from_profile(profile) as bus:
            for code, alpha_3 in cycle(COUNTRIES.items()):
                if self._stop.is_set():
                    return
                began_s = time.monotonic()
                problem = _ask(bus, code, alpha_3)
                self._history.append(Asked(profile, began_s, time.monotonic(), problem))
                time.sleep(PAUSE_S)


def _ask(bus: Client, code: str, alpha_3: str) -> str:
    """Ask for one country; what is wrong with how that ended, or nothing."""
    try:
        answer = bus.ask(
            TERRITORIES, "country", {"country": code}, purpose="statistics", timeout_s=ASK_S
        )
    except SdkError as error:
        return f"{type(error).__name__}: {error}"
    return "" if answer.json["alpha_3"] == alpha_3 else f"{code} was answered {answer.json}"
