"""What breaks in the life of a bus, done to this one: processes are killed, Kafka is away."""

from __future__ import annotations

import time

from demonstration.cluster import SECOND, BusProcess, Cluster
from demonstration.country import BENEFITS, TERRITORIES
from demonstration.load import Asked, Load
from demonstration.screen import Screen, Step
from demonstration.together import tell_readiness

from sealway import Client

BEFORE_S = 1.0
TAKEN_OVER_S = 25.0  # Kafka gives a dead reader's share to another after 10 s
AFTER_S = 1.0
NOTICED = "relay.lost"  # the event with which a process says that Kafka takes nothing
NOTICED_S = 15.0
SWEPT_S = 10.0
BACK_S = 40.0  # at the latest a sweep finds it 30 s after it was taken
FIRST = "benefits"


def show_kills(screen: Screen, cluster: Cluster, bus: Client) -> None:
    """A gateway and the deliverer that answers die under load; the others go on."""
    with screen.step("kill -9 to a gateway and a deliverer under load: nothing is lost") as step:
        dying = (cluster.gateways[1], _answering(cluster, bus))
        names = " and ".join(one.name for one in dying)
        with Load(FIRST, FIRST, SECOND, SECOND) as load:
            time.sleep(BEFORE_S)
            for one in dying:
                cluster.processes.kill(one.name)
            died_s = time.monotonic()
            step.out(f"kill -9 {names}, which has been answering; both gateways are being asked")
            said = cluster.readiness()
            step.note("\n".join(f"{name:<12} /readyz: {state}" for name, state in said.items()))
            after_s = load.first_answer_since(died_s, FIRST, wait_s=TAKEN_OVER_S)
            step.check(
                after_s is not None,
                f"the other two go on: asked and answered {after_s or 0:.1f} s later",
            )
            began_s = time.perf_counter()
            cluster.start(*dying)
            step.back(f"{names} are started again, and ready", time.perf_counter() - began_s)
            time.sleep(AFTER_S)
            history = load.finish()
        _tell(step, history)
        tell_readiness(step, cluster)


def _answering(cluster: Cluster, bus: Client) -> BusProcess:
    """The deliverer that has the territories register's share of the topic now."""
    answer = bus.ask(TERRITORIES, "country", {"country": "EE"}, purpose="statistics")
    return cluster.holder_of(answer.receipt.log) or cluster.deliverers[1]


def _tell(step: Step, history: tuple[Asked, ...]) -> None:
    lost = [one for one in history if one.problem]
    slowest_s = max(one.ended_s - one.began_s for one in history)
    step.back(f"{len(history)} questions asked, {len(history) - len(lost)} answered, rightly")
    step.note(f"the slowest took {slowest_s:.1f} s: it was in the hands of what was killed")
    step.check(
        not lost, "none is lost: each has its verified answer", [one.problem for one in lost]
    )


def show_without_kafka(screen: Screen, cluster: Cluster, bus: Client) -> None:
    """Kafka is killed: it carried, the database keeps; sweeps deliver until it is back."""
    kafka, gateway = cluster.engines.kafka, cluster.gateways[0].name
    if not kafka.is_ours:
        return
    with screen.step("kill -9 to Kafka: accepted all the same, and delivered by sweeping") as step:
        noticed = cluster.processes.watch(gateway, NOTICED)
        kafka.kill()
        began_s = time.perf_counter()
        step.out(f"Kafka is gone; {BENEFITS} sends a question to {TERRITORIES}")
        sent = bus.send(TERRITORIES, "country", {"country": "EE"}, purpose="statistics")
        place = f"{sent.receipt.log} #{sent.receipt.index}"
        step.back(f"taken: receipt {place}", time.perf_counter() - began_s)
        step.check(noticed(NOTICED_S), f"{gateway} noticed: its log says {NOTICED}")
        step.note(f"{time.perf_counter() - began_s:.1f} s after the kill")
        swept_s = _ask(step, bus)
        step.check(swept_s < SWEPT_S, f"answered within {SWEPT_S:.0f} s, by sweeping the database")
        tell_readiness(step, cluster)
        kafka.start()
        step.note("Kafka is started again; nobody tells the bus")
        answer = sent.answer(wait_s=BACK_S)
        step.back(f"to the question sent first: {answer.json['name']}")
        _ask(step, bus)
        step.check(answer.json["alpha_3"] == "EST", "nothing was lost, and it goes on")


def _ask(step: Step, bus: Client) -> float:
    step.out(f"{BENEFITS} asks {TERRITORIES} country")
    began_s = time.perf_counter()
    answer = bus.ask(TERRITORIES, "country", {"country": "LV"}, purpose="statistics", timeout_s=40)
    took_s = time.perf_counter() - began_s
    step.back(f"{answer.json['name']}, {answer.receipt.log} #{answer.receipt.index}", took_s)
    return took_s


def show_doctor(screen: Screen, cluster: Cluster) -> None:
    """One command looks at settings, keys, engines and tables."""
    with screen.step("sealway doctor: settings, keys, engines, topics, logs") as step:
        said = cluster.commands.sealway("doctor", str(cluster.home))
        step.out("sealway doctor")
        *lines, verdict = said.out.strip().splitlines() or [said.err.strip()]
        for line in lines:
            if line.startswith(("warn", "wrong")):
                step.note(line)
        step.back(verdict, said.took_s)
        step.check(said.code == 0 and " 0 wrong" in verdict, "nothing is wrong: exit 0", said.err)
