"""A provider that is down and comes back, the timeline of that message, the mailbox's state."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path
from typing import Any

from demonstration.answers import mailbox_of
from demonstration.commands import headers_of, post
from demonstration.country import BENEFITS, TERRITORIES, Country
from demonstration.screen import Screen

from sealway import Client

WAIT_S = 2
BACK_S = 25


def show_outage(screen: Screen, country: Country, bus: Client, scratch: Path) -> str | None:
    """The register is away; the question lives on and is answered. Gives the message's id."""
    message_id = None
    with screen.step("The provider is down and comes back; the question lives on") as step:
        country.processes.stop("register")
        step.note("the territories register is stopped")
        question = scratch / "outage.json"
        question.write_text('{"country":"IS"}', "utf-8")
        addressed = ("--to", TERRITORIES, "--service", "country", "--purpose", "statistics")
        headers = headers_of(
            country.commands.must("envelope", "sign", *addressed, str(question)).out
        )
        headers["Prefer"] = f"wait={WAIT_S}"
        step.out(f"{BENEFITS} asks {TERRITORIES} country, Prefer: wait={WAIT_S}")
        reply = post(f"{country.url}/v1/messages", question.read_bytes(), headers)
        message_id = str(reply.json["id"])
        attempt = reply.json.get("last_attempt", {})
        again_s = _seconds(attempt.get("at"), attempt.get("next_at"))
        step.back(
            f"{reply.status} {reply.json.get('state')}, last attempt: {attempt.get('code')}, "
            f"next in {again_s:.0f} s",
            reply.took_s,
        )
        step.check(
            (reply.status, reply.json.get("state")) == (202, "open"),
            "taken, with a receipt; a provider that is down refuses nothing",
            reply.json,
        )
        step.check(attempt.get("code") == "provider-unreachable", "the attempt says why", attempt)
        began_s = time.perf_counter()
        country.start_register()
        step.note("the territories register is started again; nobody tells the bus")
        answer = bus.exchange(reply.json["id"]).answer(wait_s=BACK_S)
        step.back(f"{answer.json['name']}, {answer.json['alpha_3']}", time.perf_counter() - began_s)
        step.check(answer.json["alpha_3"] == "ISL", "a later attempt found it", answer.json)
    return message_id


def show_timeline(screen: Screen, bus: Client, message_id: str | None) -> None:
    """What happened to that message, in the bus's words."""
    with screen.step("The timeline of that message") as step:
        assert message_id is not None, "there is no message to look at"
        step.out(f"sealway message show {message_id}")
        state = bus.exchange(message_id).state()
        first = state.timeline[0].get("at")
        step.back("\n".join(_line(first, line) for line in state.timeline))
        codes = [line["code"] for line in state.timeline]
        step.check(codes[:1] == ["accepted"], "it begins with the acceptance", codes)
        step.check("provider-unreachable" in codes, "it names the attempts that failed", codes)
        step.check(
            (state.state, codes[-1]) == ("answered", "answered"), "it ends with the answer", codes
        )


def show_mailbox_state(screen: Screen, country: Country) -> None:
    """The operator of a mailbox sees at a glance whether somebody collects."""
    with screen.step("The statistics office's mailbox, by now") as step:
        step.out("sealway mailbox show --profile statistics")
        box = mailbox_of(country)
        step.back(", ".join(f"{box[name]} {name}" for name in ("waiting", "leased", "dead")))
        step.check(
            (box["waiting"], box["leased"], box["dead"]) == (0, 0, 0),
            "nothing waits, nothing is held, nothing was given up",
            box,
        )


def _line(first: str | None, line: dict[str, Any]) -> str:
    attempt = f"  (attempt {line['attempt']})" if "attempt" in line else ""
    return f"+{_seconds(first, line.get('at')):.2f} s  {line['code']}{attempt}"


def _seconds(begin: str | None, end: str | None) -> float:
    if begin is None or end is None:
        return 0.0
    return (datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds()
