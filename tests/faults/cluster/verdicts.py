"""The judgement of a cluster's run. Pure: a history in, problems out.

``lost``: a receipt without its message, a question that never ends. ``double``: a message with two
places, an exchange with two ends, an effect or a call made twice that must be made once. ``fork``:
a log shown in two versions. ``false``: anything else that must not be.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from statistics import median
from typing import Final

from tests.faults.cluster.histories import Found, History, Problem, Proof, Sent, Sort
from tests.faults.cluster.network import BY_CODE

ENDS: Final = frozenset({"response", "rejection", "expired", "cancel"})
ENDED: Final = frozenset({"answered", "rejected", "expired", "cancelled"})
SLOWER_MAX: Final = 3.0
"""How much longer healthy services may take at the median; one held back would take seconds."""
SLOWER_S_MIN: Final = 0.25
"""Below this a ratio says nothing on a machine that does a dozen other things."""


def judge(history: History) -> list[Problem]:
    """Every problem."""
    return [
        *_outcomes(history),
        *_found(history),
        *_places(history),
        *_ends(history),
        *_versions(history),
        *_forks(history),
        *_providers(history),
        *_partitions(history),
        *([Problem("false", "audit", history.audit)] if history.audit else []),
    ]


def shown_lost(history: History) -> int:
    """How many receipts prove by themselves that an older copy was put back."""
    return sum(
        history.is_shown_lost(proof)
        for sent in history.sent.values()
        for proof in (*sent.receipts, *sent.answers)
    )


def ratio(history: History) -> float | None:
    """Healthy services' median latency, disturbed by calm; None when too little was measured."""
    if not history.calm_s or not history.disturbed_s:
        return None
    return median(history.disturbed_s) / max(median(history.calm_s), 0.001)


def _outcomes(history: History) -> Iterator[Problem]:
    """Each sender got an outcome: a no only with a reason, a yes only without one."""
    for id_, sent in history.sent.items():
        if not (sent.is_receipted or sent.refusals or sent.is_given_up):
            yield Problem("lost", id_, "its sender never got an outcome")
        for no in sent.refusals:
            if no.code != "not-allowed" or not _may_refuse(history, sent, no.at):
                yield Problem("false", id_, f"refused: {no.code} {no.detail}")
        if sent.is_receipted and _must_refuse(history, sent):
            yield Problem("false", id_, "accepted under a grant that was withdrawn before")


def _may_refuse(history: History, sent: Sent, at: float) -> bool:
    return any(
        one.service == sent.service and one.began < at and sent.made_at < one.again_in_force
        for one in history.withdrawals
    )


def _must_refuse(history: History, sent: Sent) -> bool:
    """Made after the grant was gone, and its outcome had before another was asked for."""
    first = min((proof.at for proof in (*sent.receipts, *sent.answers)), default=0.0)
    return any(
        one.service == sent.service and one.in_force < sent.made_at and first < one.again_began
        for one in history.withdrawals
    )


def _found(history: History) -> Iterator[Problem]:
    """What was receipted is there, whole, and has ended as it should."""
    for id_, sent in history.sent.items():
        found = history.found.get(id_, Found(trouble="not asked for"))
        if found.trouble is not None:
            yield Problem("lost", id_, found.trouble)
        elif not found.is_there:
            if _kept(history, sent):
                yield Problem("lost", id_, "its sender has a receipt, and it is not there")
        elif found.is_unproven and not history.restored:
            yield Problem("lost", id_, "the bus can give no receipt of it")
        elif found.same is False:
            yield Problem("lost", id_, "the bus keeps another message than was sent")
        elif not _has_ended(sent, found):
            stuck = ", stuck" if found.stuck else ""
            yield Problem("lost", id_, f"{sent.service} never ended well: {found.state}{stuck}")


def _kept(history: History, sent: Sent) -> list[Proof]:
    """The proofs that no older copy explains away."""
    proofs = (*sent.receipts, *sent.answers)
    return [proof for proof in proofs if not history.is_shown_lost(proof)]


def _has_ended(sent: Sent, found: Found) -> bool:
    offer = BY_CODE[sent.service]
    may_expire = not offer.is_healthy or offer.repeat == "never"
    return found.state == "answered" or (may_expire and found.state in ENDED)


def _places(history: History) -> Iterator[Problem]:
    """Each proof is of the log that is there, and all proofs of a message name one place."""
    for id_, sent in history.sent.items():
        found = history.found.get(id_, Found())
        requests = [*sent.receipts, *([found.request] if found.request else [])]
        answers = [*sent.answers, *([found.answer] if found.answer else [])]
        for what, proofs in (("message", requests), ("answer", answers)):
            kept = [proof for proof in proofs if not history.is_shown_lost(proof)]
            for proof in kept:
                if (text := _objection(proof, history)) is not None:
                    yield Problem("lost", id_, f"{what}: {text}")
            whole = [proof for proof in kept if proof.broken is None]
            if len({(proof.origin, proof.index) for proof in whole}) > 1:
                yield Problem("double", id_, f"the {what} has two places in the logs")
            if len({proof.id for proof in whole}) > 1:
                yield Problem("double", id_, f"two different {what}s were given out")


def _objection(proof: Proof, history: History) -> str | None:
    if proof.broken is not None:
        return f"the receipt doesn't hold: {proof.broken}"
    log = history.logs.get(proof.origin)
    if log is None:
        return f"{proof.origin} is not there"
    if proof.index >= log.size or log.leaves[proof.index].hash != proof.leaf_hash:
        return f"the leaf of its receipt is not in {proof.origin}"
    return None


def _ends(history: History) -> Iterator[Problem]:
    """As many requests as messages are there, each with one end, each end to one of them."""
    leaves = [leaf for log in history.logs.values() for leaf in log.leaves]
    requests = {leaf.hash for leaf in leaves if leaf.kind == "request"}
    told, there = (
        sum(leaf.kind == "request" for leaf in leaves),
        sum(one.is_there and one.trouble is None for one in history.found.values()),
    )
    if told != there:
        sort: Sort = "double" if told > there else "lost"
        yield Problem(sort, "log", f"{told} requests in the logs for {there} messages")
    ends = Counter(leaf.ref for leaf in leaves if leaf.kind in ENDS)
    for ref, count in ends.items():
        if count > 1:
            yield Problem("double", "log", f"an exchange has {count} ends")
        if ref not in requests:
            yield Problem("false", "log", "an end of nothing")
    for _ in requests - ends.keys():
        yield Problem("lost", "log", "a request has no end in the logs")


def _versions(history: History) -> Iterator[Problem]:
    """No leaf names a directory version older than one before it, or one that forbade it."""
    for origin, log in history.logs.items():
        for before, after in pairwise(log.leaves):
            if after.reg < before.reg:
                yield Problem("false", origin, f"version {after.reg} after {before.reg}")
        for leaf in log.leaves:
            if leaf.kind == "request" and _was_forbidden(history, leaf.service, leaf.reg):
                text = f"{leaf.service} accepted under version {leaf.reg}, which forbade it"
                yield Problem("false", origin, text)


def _was_forbidden(history: History, service: str | None, reg: int) -> bool:
    return any(
        one.service == service and 0 < one.version <= reg < one.again_version
        for one in history.withdrawals
    )


def _forks(history: History) -> Iterator[Problem]:
    """Every checkpoint that anybody was ever shown is of the one line that is there."""
    roots: dict[tuple[str, int], bytes] = {}
    shown = [(one.origin, one.size, one.root, one.at) for one in history.seen if not one.broken]
    shown += [
        (one.origin, one.size, one.root, one.at)
        for sent in history.sent.values()
        for one in (*sent.receipts, *sent.answers)
        if one.broken is None
    ]
    for origin, size, root, at in shown:
        if roots.setdefault((origin, size), root) != root:
            yield Problem("fork", origin, f"two roots were signed at size {size}")
        log = history.logs.get(origin)
        if log is None or size > log.size:
            if not any(at < one.at for one in history.restored):
                yield Problem("fork", origin, f"size {size} was signed, and the log is shorter")
        elif log.roots.get(size) != root:
            yield Problem("fork", origin, f"at size {size} another root was signed than is there")
    for one in history.seen:
        if one.broken:
            yield Problem("false", one.origin, f"a checkpoint doesn't hold: {one.broken}")


def _providers(history: History) -> Iterator[Problem]:
    """What the departments counted: no call of what nobody sent, none too many, no effect twice."""
    for id_, moments in history.calls.items():
        sent = history.sent.get(id_)
        if sent is None:
            yield Problem("false", id_, "a department was asked what nobody sent")
        elif BY_CODE[sent.service].repeat == "never":
            again = [
                (first, second)
                for first, second in pairwise(sorted(moments))
                if not history.forgotten(first, second)
            ]
            if again:
                text = f"called {len(moments)} times, though never to be repeated"
                yield Problem("double", id_, text)
    for id_, count in history.effects.items():
        if (
            count > 1
            and id_ in history.sent
            and BY_CODE[history.sent[id_].service].repeat == "keyed"
        ):
            yield Problem("double", id_, f"{count} effects of one id")


def _partitions(history: History) -> Iterator[Problem]:
    """Healthy services are about as quick beside slow, failing and hanging ones as without."""
    slower = ratio(history)
    if slower is None:
        return
    middle = median(history.disturbed_s)
    if slower > SLOWER_MAX and middle > SLOWER_S_MIN:
        text = f"{slower:.1f} times as slow, {middle:.2f} s at the median"
        yield Problem("false", "partition", f"healthy services were held back: {text}")
