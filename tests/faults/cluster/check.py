"""The checker's last word: ``check.py FOLDER``: gathers a stopped run's evidence and judges it.

Prints what is wrong, and ends with one line of JSON. The bus doesn't run any more; the database
does, or the logs were dumped before.
"""

import json
import pickle
import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any, Final

from tests.faults.cluster.evidence import (
    build_log,
    dump_logs,
    log_keys,
    read_calls,
    read_effects,
    read_latencies,
    read_restored,
    read_seen,
    read_sent,
    read_withdrawals,
)
from tests.faults.cluster.histories import History, Problem
from tests.faults.cluster.site import ClusterSite, run_sealway
from tests.faults.cluster.verdicts import judge, ratio, shown_lost

SHOWN: Final = 14
OBJECTIONS: Final = ("false ", "incomplete ")
PROVEN, INCOMPLETE = 0, 2
"""Exit codes of `audit verify`. The last leaves of a log of which an older copy came back have no
checkpoint that covers them: nobody may sign it any more."""
SORTS: Final = ("lost", "double", "fork", "false")


def gather(site: ClusterSite) -> History:
    """Everything that the judgement rests on, but for the audit."""
    keys = log_keys(site)
    with (site.folder / "found.pickle").open("rb") as file:
        found = pickle.load(file)  # noqa: S301 - our own file, of a minute ago
    with (site.folder / "logs.pickle").open("rb") as file:
        leaves = pickle.load(file)  # noqa: S301 - our own file, of a minute ago
    sent, seen = read_sent(site, keys), read_seen(site, keys)
    sizes: dict[str, set[int]] = defaultdict(set)
    for one in seen:
        sizes[one.origin].add(one.size)
    for message in sent.values():
        for proof in (*message.receipts, *message.answers):
            sizes[proof.origin].add(proof.size)
    return History(
        sent=sent,
        found=found,
        logs={origin: build_log(raw, sizes[origin]) for origin, raw in leaves.items()},
        seen=seen,
        restored=read_restored(site),
        withdrawals=read_withdrawals(site),
        calls=read_calls(site),
        effects=read_effects(site),
        calm_s=read_latencies(site, "calm"),
        disturbed_s=read_latencies(site, "disturbed"),
        audit=(site.folder / "audit.txt").read_text() or None,
    )


def audit(site: ClusterSite) -> None:
    """Keep what `sealway audit verify` says against the database, with the epoch key."""
    pins = [word for key in site.log_keys() for word in ("--log-key", key)]
    epoch = ("--epoch-keys", str(site.bus / "keys" / "epoch-1"))
    done = run_sealway(site, "audit", "verify", str(site.bus), *pins, *epoch)
    held = (PROVEN, INCOMPLETE) if read_restored(site) else (PROVEN,)
    said = done.stdout + done.stderr
    (site.folder / "audit.log").write_text(said)
    lines = [" ".join(line.split()) for line in said.splitlines() if line.startswith(OBJECTIONS)]
    text = f"exit {done.returncode}: {'; '.join(lines or [said[-500:]])}"
    (site.folder / "audit.txt").write_text("" if done.returncode in held else text)


def summary(history: History, problems: list[Problem]) -> dict[str, Any]:
    """The figures of a run."""
    counts = Counter(problem.sort for problem in problems)
    sent = history.sent.values()
    states = Counter(
        f"{one.state or ('trouble' if one.trouble else 'not there')}{'-stuck' if one.stuck else ''}"
        for one in history.found.values()
    )
    return {
        "messages": len(history.sent),
        "receipts": sum(len(one.receipts) + len(one.answers) for one in sent),
        "unknown": sum(not (one.is_receipted or one.refusals) for one in sent),
        "refused": sum(bool(one.refusals) for one in sent),
        "shown_lost": shown_lost(history),
        "calls": sum(len(moments) for moments in history.calls.values()),
        "logs": len(history.logs),
        "ratio": ratio(history),
        "measured": [len(history.calm_s), len(history.disturbed_s)],
        "states": states,
        **{sort: counts[sort] for sort in SORTS},
    }


def main(folder: str, *words: str) -> int:
    """Judge; 0 when all is well. With ``again`` as what was gathered before is judged anew."""
    site = ClusterSite.load(Path(folder))
    if "again" not in words:
        dump_logs(site)
        audit(site)
    history = gather(site)
    problems = judge(history)
    for problem in problems[:SHOWN]:
        print(f"  {problem.sort:6} {problem.id}: {problem.text}")
    if len(problems) > SHOWN:
        print(f"  … and {len(problems) - SHOWN} more")
    print(json.dumps(summary(history, problems)))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
