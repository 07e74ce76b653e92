"""Several processes that act as one bus: an answer, a receipt and a grant don't mind which."""

from __future__ import annotations

import time
from pathlib import Path

from demonstration.cluster import FOUNDER_2, Cluster
from demonstration.country import BENEFITS, TERRITORIES
from demonstration.screen import Screen, Step

from sealway import Client, Refused

QUESTION = {"country": "FI", "type": "region"}
WITHDRAWN = """\
grant = [
  { consumer = "sx/GOV/1001/benefits", service = "sx/GOV/3003/territories/subdivisions", \
purposes = ["child-benefit", "statistics"], legal_basis = "Territories Act, section 4", \
valid_from = 2026-01-01, state = "withdrawn" },
]
"""


def show_readiness(screen: Screen, cluster: Cluster) -> None:
    """Each process says for itself how it is."""
    with screen.step("Four processes, one bus: each says for itself whether it is ready") as step:
        tell_readiness(step, cluster)


def tell_readiness(step: Step, cluster: Cluster) -> None:
    """The four answers, and the check that all are `ready`."""
    said = cluster.readiness()
    step.back("\n".join(f"{name:<12} /readyz: {state}" for name, state in said.items()))
    step.check(set(said.values()) == {"ready"}, "all four are ready", said)


def show_two_processes(screen: Screen, cluster: Cluster, bus: Client) -> None:
    """A gateway takes the question and waits; a deliverer calls, and commits the answer."""
    with screen.step(
        "Asked through gateway 1, answered by a deliverer: two logs, one exchange"
    ) as step:
        step.out(f"{BENEFITS} asks {TERRITORIES} subdivisions at gateway 1, and waits there")
        began_s = time.perf_counter()
        answer = bus.ask(TERRITORIES, "subdivisions", QUESTION, purpose="statistics")
        took_s = time.perf_counter() - began_s
        asked, answered = answer.exchange.receipt, answer.receipt
        writers = [cluster.holder_of(one.log) for one in (asked, answered)]
        names = [one.name if one else "nobody" for one in writers]
        step.back(f"question  {asked.log} #{asked.index}, written by {names[0]}")
        step.back(f"answer    {answered.log} #{answered.index}, written by {names[1]}", took_s)
        step.check(
            writers[0] == cluster.gateways[0] and writers[1] in cluster.deliverers,
            "two processes took part, each with its own log",
            names,
        )
        step.check(
            answer.json["country"] == "FI" and answer.signer == TERRITORIES,
            "both receipts, the signature and the pairing are verified, or there is no answer",
        )


def show_withdrawn_grant(screen: Screen, cluster: Cluster, bus: Client, scratch: Path) -> None:
    """A change made at one gateway binds at the other with the next message."""
    with screen.step("A grant is withdrawn through gateway 2; gateway 1 knows at once") as step:
        bus.ask(TERRITORIES, "subdivisions", QUESTION, purpose="statistics")
        file = scratch / "withdrawn.toml"
        file.write_text(WITHDRAWN, "utf-8")
        step.out(f"sealway apply withdrawn.toml --profile {FOUNDER_2}  (at {cluster.url_2})")
        done = cluster.commands.must("apply", str(file), "--profile", FOUNDER_2, "--json").json
        step.back(f"{done['changed']} changed, directory version {done['version']}")
        step.check(done["changed"] == 1, "one grant is changed", done)
        began_s = time.perf_counter()
        step.out(f"{BENEFITS} asks {TERRITORIES} subdivisions at gateway 1")
        try:
            answer = bus.ask(TERRITORIES, "subdivisions", QUESTION, purpose="statistics")
        except Refused as no:
            step.back(f"{no.status} {no.code}", time.perf_counter() - began_s)
            step.check(no.code == "not-allowed", "refused with not-allowed", no.code)
        else:
            step.check(False, "refused with not-allowed", answer.receipt)
