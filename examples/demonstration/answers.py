"""Questions that are answered: from a database, over HTTP, from a mailbox, and asked twice."""

from __future__ import annotations

import struct
import time
from pathlib import Path

from demonstration.commands import post
from demonstration.country import BENEFITS, CIVIL_REGISTRY, STATISTICS, TERRITORIES, Country
from demonstration.screen import Screen, Step, shorten

from sealway import Client, ProofFailed, Rejected

FRAME_TYPE = "application/vnd.sealway.message"
ANSWER_S = 15


def show_network_again(screen: Screen, country: Country) -> None:
    """Applying is idempotent: the operator keeps the network in a file."""
    with screen.step("The network is a file; applying it again changes nothing") as step:
        network = str(country.home / "network" / "network.toml")
        step.out("sealway apply network.toml --profile founder")
        said = country.commands.must("apply", network, "--profile", "founder", "--json")
        done = said.json
        counts = f"{done['changed']} changed, {done['unchanged']} unchanged"
        step.back(f"{counts}, directory version {done['version']}", said.took_s)
        step.check(done["changed"] == 0, "nothing was changed", done["facts"])


def show_database(screen: Screen, bus: Client) -> None:
    """A synchronous answer from a department's own database."""
    with screen.step("Answered at once, from a registry's own database (adapter: sql)") as step:
        question = {"person_code": "38001085718"}
        _show_question(step, BENEFITS, CIVIL_REGISTRY, "person-status", "child-benefit", question)
        began_s = time.perf_counter()
        answer = bus.ask(CIVIL_REGISTRY, "person-status", question, purpose="child-benefit")
        step.back(shorten(answer.json, 300), time.perf_counter() - began_s)
        step.note(
            f"signed by {answer.signer}, receipt {answer.receipt.log} #{answer.receipt.index}"
        )
        step.check(answer.json["status"] == "alive", "the person is alive", answer.json)
        step.check(
            answer.json["name"]["given"] == "Jaan" and "EESNIMI" not in answer.json,
            "the registry's words (EESNIMI, SYNNIKP) came as the schema's",
        )
        step.check(
            answer.signer == CIVIL_REGISTRY and answer.receipt.index > 0,
            "signature, place in the log, body and pairing are verified, or there is no answer",
        )


def show_http_service(screen: Screen, bus: Client) -> None:
    """A synchronous answer from an HTTP service that knows nothing of the bus."""
    with screen.step("Answered at once, by an ordinary HTTP service (adapter: rest)") as step:
        question = {"country": "FI"}
        _show_question(step, BENEFITS, TERRITORIES, "subdivisions", "statistics", question)
        began_s = time.perf_counter()
        answer = bus.ask(TERRITORIES, "subdivisions", question, purpose="statistics")
        took_s = time.perf_counter() - began_s
        found = answer.json["subdivisions"]
        step.back(
            f"{answer.json['name']}: " + ", ".join(one["name"] for one in found[:5]) + " …", took_s
        )
        step.note(
            f"signed by {answer.signer}, receipt {answer.receipt.log} #{answer.receipt.index}"
        )
        codes = {one["code"] for one in found}
        step.check(
            "FI-18" in codes and len(codes) == 19, "19 regions, as ISO 3166-2 has them", found
        )
        asked = answer.exchange.receipt
        if asked.log == answer.receipt.log:
            step.check(
                asked.index < answer.receipt.index, "the question lies before its answer in the log"
            )


def show_rejection(screen: Screen, bus: Client) -> None:
    """The provider's no: an answer like another, signed and in the log."""
    with screen.step("Rejected by the provider: nobody has this code") as step:
        question = {"person_code": "10000000000"}
        _show_question(step, BENEFITS, CIVIL_REGISTRY, "person-status", "child-benefit", question)
        began_s = time.perf_counter()
        try:
            answer = bus.ask(CIVIL_REGISTRY, "person-status", question, purpose="child-benefit")
        except Rejected as no:
            step.back(f"rejected, {no}", time.perf_counter() - began_s)
            step.check(no.code == "no-data", "the registry's own no, signed and verified", no.code)
            state = no.exchange.state().state if no.exchange else "unknown"
            step.check(state == "rejected", "the exchange is over", state)
        else:
            step.check(False, "rejected with no-data", answer.json)


def show_mailbox(screen: Screen, country: Country, bus: Client) -> None:
    """An answer collected later, from a provider that was not there when it was asked."""
    with screen.step("Asked now, answered later: the office's mailbox (SDK: Provider)") as step:
        question = {"region": "EE-37", "year": 2025}
        _show_question(step, BENEFITS, STATISTICS, "household-index", "statistics", question)
        began_s = time.perf_counter()
        exchange = bus.send(STATISTICS, "household-index", question, purpose="statistics")
        receipt = exchange.receipt
        step.back(
            f"receipt {receipt.log} #{receipt.index}; nobody is at the office",
            time.perf_counter() - began_s,
        )
        waiting = mailbox_of(country)
        step.check(waiting["waiting"] == 1, "1 question waits in the mailbox", waiting)
        state = exchange.state()
        step.check(state.is_open, "the exchange is open", state.state)
        began_s = time.perf_counter()
        country.start_office()
        step.out("the statistics office opens: python examples/statistics/office.py")
        answer = exchange.answer(wait_s=ANSWER_S)
        step.back(shorten(answer.json), time.perf_counter() - began_s)
        step.note(
            f"signed by {answer.signer}, receipt {answer.receipt.log} #{answer.receipt.index}"
        )
        step.check(
            answer.json == {**question, "index": 100.3, "method": "estimate"},
            "the answer is the office's figure",
            answer.json,
        )
        step.check(
            (answer.signer, answer.custody) == (STATISTICS, "member"),
            "signed with a key that only the office has",
        )


def show_same_message_twice(screen: Screen, country: Country, scratch: Path) -> None:
    """Sending is idempotent: a line that broke costs a repeat, never a second message."""
    with screen.step("The same message sent twice: one place in the log") as step:
        question, frame = scratch / "twice.json", scratch / "twice.frame"
        question.write_text('{"country":"EE"}', "utf-8")
        addressed = ("--to", TERRITORIES, "--service", "country", "--purpose", "statistics")
        country.commands.must("envelope", "sign", *addressed, "--frame", str(frame), str(question))
        again = f"again to {country.urls[-1]}" if len(country.urls) > 1 else "again"
        step.out(f"{BENEFITS} posts {frame.stat().st_size} signed bytes, and posts them {again}")
        replies = [
            post(f"{url}/v1/messages", frame.read_bytes(), {"Content-Type": FRAME_TYPE})
            for url in (country.urls[0], country.urls[-1])
        ]
        for reply in replies:
            if reply.status != 202:
                raise ProofFailed(f"{reply.status}: {reply.body[:300]!r}")
            place = place_of(reply.json["receipt"])
            step.back(f"{reply.status} {reply.json['id']}, receipt {place}", reply.took_s)
        ids, places = (
            {f(r.json) for r in replies} for f in (_id, lambda m: place_of(m["receipt"]))
        )
        step.check(len(ids) == len(places) == 1, "one id, one place in the log", sorted(places))
        for number, reply in enumerate(replies):
            file = scratch / f"twice-{number}.delivery"
            file.write_bytes(_delivery(reply.json["receipt"].encode(), frame.read_bytes()))
            said = country.commands.sealway("envelope", "verify", str(file))
            which = ("first", "second")[number]
            step.check(said.code == 0, f"the {which} receipt verifies for these bytes", said.err)


def mailbox_of(country: Country) -> dict[str, int]:
    """What `sealway mailbox show` says of the office's one service."""
    said = country.commands.must("mailbox", "show", "--profile", "statistics", "--json")
    services = [one for one in said.json["services"] if one["service"] == "household-index"]
    return services[0] if services else {"waiting": 0, "leased": 0, "dead": 0}


def place_of(receipt: str) -> str:
    """`log #index`, read off a receipt (C2SP tlog-proof) without verifying it."""
    lines = receipt.splitlines()
    index = next(line.removeprefix("index ") for line in lines if line.startswith("index "))
    return f"{lines[lines.index('') + 1]} #{index}"


def _id(members: dict[str, str]) -> str:
    return members["id"]


def _delivery(receipt: bytes, frame: bytes) -> bytes:
    return struct.pack(">Q", len(receipt)) + receipt + frame


def _show_question(
    step: Step, sender: str, system: str, service: str, purpose: str, question: object
) -> None:
    step.out(f"{sender} asks {system} {service} ({purpose})\n{shorten(question)}")
