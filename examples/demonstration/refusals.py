"""Messages that the bus refuses, each with its code, one sentence, a remedy, and its place."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from demonstration.commands import headers_of, post
from demonstration.country import BENEFITS, CIVIL_REGISTRY, STATISTICS, TERRITORIES, Country
from demonstration.screen import Screen, Step, shorten

from sealway import Client, Refused
from sealway.connection import SystemClock
from sealway.profile import load_profile

HOUR_MS = 3_600_000


class ClockOfTheDayBeforeYesterday(SystemClock):
    """A machine whose clock is 49 hours slow."""

    def now_ms(self) -> int:
        """The time of this machine, 49 hours ago."""
        return super().now_ms() - 49 * HOUR_MS


def show_no_grant(screen: Screen) -> None:
    """Somebody known, who may not."""
    with (
        screen.step("Refused: the statistics office has no grant for persons") as step,
        Client.from_profile("statistics") as office,
    ):
        step.out(f"{STATISTICS} asks {CIVIL_REGISTRY} person-status")
        _ask(step, office, {"person_code": "38001085718"}, "not-allowed")


def show_broken_payload(screen: Screen, bus: Client) -> None:
    """A question that its schema does not allow: every mistake at once, by its place."""
    with screen.step("Refused: a question that breaks its schema") as step:
        question = {"person_code": "3800108571X", "reason": "curiosity"}
        step.out(f"{BENEFITS} asks {CIVIL_REGISTRY} person-status\n{shorten(question)}")
        problem = _ask(step, bus, question, "payload-invalid")
        errors = problem.get("errors", [])
        for error in errors:
            step.note(f"{error['pointer'] or '(the whole)'}: {error['message']}")
        step.check(len(errors) == 2, "both mistakes are named, each with its JSON Pointer", errors)
        step.check("curiosity" not in str(problem), "what was sent is not repeated", problem)


def show_forged_signature(screen: Screen, country: Country, scratch: Path) -> None:
    """A byte of the signature is another."""
    with screen.step("Refused: one character of the signature changed on the way") as step:
        question = scratch / "forged.json"
        question.write_text('{"country":"FI"}', "utf-8")
        addressed = ("--to", TERRITORIES, "--service", "country", "--purpose", "statistics")
        said = country.commands.must("envelope", "sign", *addressed, str(question))
        headers = headers_of(said.out)
        envelope = headers["Sealway-Envelope"]
        place = len(envelope) - 20
        other = "A" if envelope[place] != "A" else "B"
        headers["Sealway-Envelope"] = envelope[:place] + other + envelope[place + 1 :]
        step.out(f"…{envelope[-30:]}  becomes\n…{headers['Sealway-Envelope'][-30:]}")
        reply = post(f"{country.url}/v1/messages", question.read_bytes(), headers)
        problem = reply.json
        _show_problem(step, problem, reply.took_s, "signature-invalid")
        step.check("refusal" not in problem, "no leaf: anybody could have sent it, none is blamed")


def show_stale_id(screen: Screen) -> None:
    """An id that is older than the memory of duplicates."""
    with (
        screen.step("Refused: a message whose id is 49 hours old") as step,
        Client(load_profile("benefits"), clock=ClockOfTheDayBeforeYesterday()) as late,
    ):
        step.out(f"{BENEFITS}, its clock 49 hours slow, asks {CIVIL_REGISTRY} person-status")
        _ask(step, late, {"person_code": "38001085718"}, "message-stale")


def _ask(step: Step, bus: Client, question: dict[str, Any], code: str) -> dict[str, Any]:
    began_s = time.perf_counter()
    try:
        answer = bus.ask(CIVIL_REGISTRY, "person-status", question, purpose="child-benefit")
    except Refused as no:
        _show_problem(step, no.problem, time.perf_counter() - began_s, code)
        place = no.problem.get("refusal", {})
        step.check(
            isinstance(place.get("index"), int),
            f"the refusal is a leaf of the log: {place.get('log')} #{place.get('index')}",
            no.problem,
        )
        return no.problem
    step.check(False, f"refused with {code}", answer.json)
    return {}


def _show_problem(step: Step, problem: dict[str, Any], took_s: float, code: str) -> None:
    step.back(f"{problem['status']} {problem['code']}: {problem['detail']}", took_s)
    step.note(f"remedy: {problem['remedy']}")
    step.check(problem["code"] == code and problem["remedy"], f"refused with {code}", problem)
