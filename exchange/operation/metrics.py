"""The figures of a process: their names, what they say, when to wake somebody; as Prometheus reads.

Owns the table `METRICS` (docs/metrics.md is made from it) and one collector. Counts are kept where
the work is done; here they are only read, at a scrape. Names and labels are part of what operators
build on: they change as the settings do.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from exchange.counts import Spread
from exchange.delivery.attempts import DeliveryFigures
from exchange.ledger.log_writer import LogWriter
from exchange.operation.watching import Watched

Labelled = Iterable[tuple[str, float]]
Read = Callable[[Watched], "float | Labelled | Spread | None"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure. ``label``: it has a line for each; ``alarm``: an expression, and what to do."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    says: str
    read: Read
    label: str | None = None
    alarm: tuple[str, str] | None = None


def _of_logs(number: Callable[[LogWriter], float]) -> Read:
    return lambda w: [(writer.head.origin, number(writer)) for writer in w.writers()]


def _of_deliveries(pick: Callable[[DeliveryFigures], Mapping[str, int]]) -> Read:
    return lambda w: None if w.deliverer is None else list(pick(w.deliverer.figures).items())


def _signed(writer: LogWriter) -> int:
    return 0 if writer.signed is None else writer.signed.size


def _oldest_s(watched: Watched) -> float:
    oldest_ms = watched.relay.figures.oldest_ms
    return 0.0 if oldest_ms is None else max(0, watched.clock() - oldest_ms) / 1000


METRICS: Final[tuple[Figure, ...]] = (
    Figure(
        "sealway_ready",
        "gauge",
        "1 while this process can do its work, as /readyz says.",
        lambda w: w.api.why_not_ready() is None,
        alarm=("min_over_time(sealway_ready[2m]) == 0", "Ask /readyz: it gives the reason."),
    ),
    Figure(
        "sealway_messages_accepted_total",
        "counter",
        "Messages committed by this process, by kind.",
        lambda w: list(w.acceptance.accepted.items()),
        label="kind",
    ),
    Figure(
        "sealway_messages_refused_total",
        "counter",
        "Messages with a valid signature that were refused, by code.",
        lambda w: list(w.acceptance.refused.items()),
        label="code",
        alarm=(
            (
                "sum by (code) (rate(sealway_messages_refused_total[10m]))"
                " > 0.1 * scalar(sum(rate(sealway_messages_accepted_total[10m])))"
            ),
            "A change of schema, grant or certificate stops somebody's work; the code says which.",
        ),
    ),
    Figure(
        "sealway_problems_total",
        "counter",
        "Replies that were a problem document, by code; those to strangers included.",
        lambda w: list(w.api.problems.items()),
        label="code",
        alarm=(
            (
                'increase(sealway_problems_total{code=~"internal|log-unavailable|outcome-unknown'
                '|bus-backlogged"}[5m]) > 0'
            ),
            "The bus itself is in trouble; its log has a line with the trace.",
        ),
    ),
    Figure(
        "sealway_denials_total",
        "counter",
        "Calls of somebody known whose role doesn't allow them, by role.",
        lambda w: list(w.api.denials.by_role.items()),
        label="role",
        alarm=(
            "increase(sealway_denials_total[10m]) > 100",
            "A client with the wrong token, or somebody who tries doors: the log says who.",
        ),
    ),
    Figure(
        "sealway_group_entries",
        "histogram",
        "Entries of a committed group.",
        lambda w: w.committer.figures.entries,
    ),
    Figure(
        "sealway_commit_seconds",
        "histogram",
        "From handing a group to the database to its commit.",
        lambda w: w.committer.figures.commit_s,
        alarm=(
            "histogram_quantile(0.99, rate(sealway_commit_seconds_bucket[10m])) > 0.5",
            "The database's disk can't keep up, or somebody holds a lock.",
        ),
    ),
    Figure(
        "sealway_seal_seconds",
        "histogram",
        "From a group's commit to the signature that covers it.",
        lambda w: w.committer.figures.seal_s,
        alarm=(
            "histogram_quantile(0.99, rate(sealway_seal_seconds_bucket[10m])) > 0.5",
            "The disk of the signer's marks (`state`) is slow; receipts wait for it.",
        ),
    ),
    Figure(
        "sealway_queue_entries",
        "gauge",
        "Entries that wait for a group.",
        lambda w: w.committer.waiting,
    ),
    Figure(
        "sealway_queue_bytes",
        "gauge",
        "Their bytes; at limits.queue_bytes_max nothing more is taken.",
        lambda w: w.committer.waiting_bytes,
        alarm=(
            "sealway_queue_bytes > 32 * 1024 * 1024",
            "More arrives than is committed: look at sealway_commit_seconds.",
        ),
    ),
    Figure(
        "sealway_relay_backlog_entries",
        "gauge",
        "Committed entries that aren't with the bus yet.",
        lambda w: w.relay.figures.unrelayed_entries,
    ),
    Figure(
        "sealway_relay_backlog_bytes",
        "gauge",
        "Bytes of their payloads, as far as this process took them in.",
        lambda w: w.relay.figures.unrelayed_bytes,
    ),
    Figure(
        "sealway_relay_oldest_seconds",
        "gauge",
        "Age of the oldest of them; 0 when there is none.",
        _oldest_s,
        alarm=(
            "sealway_relay_oldest_seconds > 300",
            "After an hour nothing is accepted any more: bring Kafka back.",
        ),
    ),
    Figure(
        "sealway_relay_away",
        "gauge",
        "1 while what carries is away and sweeps deliver.",
        lambda w: w.relay.is_away,
        alarm=("min_over_time(sealway_relay_away[2m]) == 1", "Kafka can't be reached."),
    ),
    Figure(
        "sealway_relay_published_total",
        "counter",
        "Records that the bus acknowledged.",
        lambda w: w.relay.figures.published,
    ),
    Figure(
        "sealway_relay_lost_total",
        "counter",
        "Batches that weren't acknowledged and went again.",
        lambda w: w.relay.figures.lost,
    ),
    Figure(
        "sealway_relay_read_back_total",
        "counter",
        "Dispatches that were published from their rows.",
        lambda w: w.relay.figures.read_back,
    ),
    Figure(
        "sealway_deliveries_total",
        "counter",
        "Attempts at providers, by how they ended: answered, taken (a push endpoint answers later),"
        " or a failure's code.",
        _of_deliveries(lambda figures: figures.outcomes),
        label="code",
        alarm=(
            (
                'sum(rate(sealway_deliveries_total{code!~"answered|taken"}[10m]))'
                " > 0.2 * sum(rate(sealway_deliveries_total[10m]))"
            ),
            "A provider is away or answers rubbish; `sealway dead` and the log say which.",
        ),
    ),
    Figure(
        "sealway_deliveries_parked_total",
        "counter",
        "Deliveries given back to their rows without an attempt: no free slot of the service's, or"
        " its breaker is open.",
        _of_deliveries(lambda figures: figures.parked),
        label="code",
        alarm=(
            'rate(sealway_deliveries_parked_total{code="no-slot"}[10m]) > 1',
            "A service gets more than its `concurrency` allows: raise it, or its provider is slow.",
        ),
    ),
    Figure(
        "sealway_breaker_open",
        "gauge",
        "1 for each service whose breaker isn't closed: its provider fails, and is left alone.",
        lambda w: (
            None if w.deliverer is None else [(s, 1) for s in w.deliverer.breakers.open_now()]
        ),
        label="service",
        alarm=("min_over_time(sealway_breaker_open[15m]) == 1", "Tell the provider it is down."),
    ),
    Figure(
        "sealway_breaker_openings_total",
        "counter",
        "How often a breaker opened, for the first time or again after a trial.",
        lambda w: None if w.deliverer is None else w.deliverer.breakers.opened,
    ),
    Figure(
        "sealway_deliveries_in_hand",
        "gauge",
        "Deliveries that this process works on now.",
        lambda w: None if w.deliverer is None else w.deliverer.running,
    ),
    Figure(
        "sealway_delivery_lag_seconds",
        "histogram",
        "From a request's acceptance to the beginning of its first attempt.",
        lambda w: None if w.deliverer is None else w.deliverer.figures.lag_s,
        alarm=(
            "histogram_quantile(0.95, rate(sealway_delivery_lag_seconds_bucket[10m])) > 5",
            "Deliverers are too few, a service is jammed, or the bus loses its records.",
        ),
    ),
    Figure(
        "sealway_dead_letters_total",
        "counter",
        "Deliveries that were given up, by cause; each waits for a person.",
        _of_deliveries(lambda figures: figures.dead),
        label="code",
        alarm=("increase(sealway_dead_letters_total[15m]) > 0", "`sealway dead list`."),
    ),
    Figure(
        "sealway_sweep_claimed_total",
        "counter",
        "Deliveries that sweeps took from their rows: retries, and what the bus lost.",
        lambda w: None if w.sweeper is None else w.sweeper.claimed,
    ),
    Figure(
        "sealway_expired_total",
        "counter",
        "Exchanges that this process wrote off at their deadline.",
        lambda w: None if w.sweeper is None else w.sweeper.expired,
    ),
    Figure(
        "sealway_long_polls",
        "gauge",
        "Calls of systems that wait for an answer or for their mailbox.",
        lambda w: sum(w.api.long_polls.values()),
    ),
    Figure(
        "sealway_log_size",
        "gauge",
        "Leaves of a log that this process writes.",
        _of_logs(lambda writer: writer.head.size),
        label="log",
    ),
    Figure(
        "sealway_log_signed_size",
        "gauge",
        "Leaves that its last signed checkpoint covers.",
        _of_logs(_signed),
        label="log",
        alarm=(
            "min_over_time((sealway_log_size - sealway_log_signed_size)[5m:15s]) > 0",
            "Committed and not signed for minutes: no receipt leaves. Look at `state`'s disk.",
        ),
    ),
    Figure(
        "sealway_log_epoch",
        "gauge",
        "The epoch under which this process writes it; a jump says that a lease was lost.",
        _of_logs(lambda writer: writer.head.epoch),
        label="log",
        alarm=("changes(sealway_log_epoch[15m]) > 2", "Leases are lost: pauses, or a slow net."),
    ),
    Figure(
        "sealway_log_frozen",
        "gauge",
        "1 when nothing may be written to it any more in this process.",
        _of_logs(lambda writer: writer.failed is not None),
        label="log",
        alarm=(
            "sealway_log_frozen == 1",
            (
                "The database is behind what was signed, or the mark can't be written: see "
                "[restore-a-backup](how-to/restore-a-backup.md)."
            ),
        ),
    ),
    Figure(
        "sealway_directory_version",
        "gauge",
        "The version of the directory that checks use here.",
        lambda w: w.api.directory.version,
        alarm=(
            (
                "min_over_time((max(sealway_directory_version)"
                " - min(sealway_directory_version))[2m:15s]) > 0"
            ),
            "A process doesn't learn of changes.",
        ),
    ),
    Figure(
        "sealway_directory_age_seconds",
        "gauge",
        "Since the database said that this version is the newest; 0 where nobody else writes.",
        lambda w: w.directory_age_s,
        alarm=("sealway_directory_age_seconds > 30", "The database can't be asked."),
    ),
    Figure(
        "sealway_certificate_left_seconds",
        "gauge",
        "Until a certificate ends: of the bus's record key, of each system hosted here.",
        lambda w: w.certificates_left_s(),
        label="of",
        alarm=(
            "sealway_certificate_left_seconds < 30 * 86400",
            "Register the next certificate: after its end nothing signed under it is accepted.",
        ),
    ),
    Figure(
        "sealway_anchor_age_seconds",
        "gauge",
        "Since a quorum of witnesses last cosigned log 0, and since it was last stamped.",
        lambda w: list(w.api.witnessing.lateness.ages_s().items()),
        label="what",
        alarm=(
            "sealway_anchor_age_seconds > 600",
            (
                "After anchoring.stop_s nothing is accepted any more: "
                "[anchor-the-log](how-to/anchor-the-log.md)."
            ),
        ),
    ),
    Figure(
        "sealway_witness_answers_total",
        "counter",
        "Witnesses asked to cosign log 0, by what came of it.",
        lambda w: list(w.api.witnessing.asked.items()),
        label="outcome",
        alarm=(
            'increase(sealway_witness_answers_total{outcome=~"conflict|false"}[1h]) > 0',
            "A witness has seen another history, or isn't who it was: look before all else.",
        ),
    ),
    Figure(
        "sealway_cosignatures_brought_total",
        "counter",
        "Cosignatures that witnesses brought, by what came of it: kept, repeated, or the problem.",
        lambda w: list(w.api.witnessing.collecting.brought.items()),
        label="outcome",
    ),
    Figure(
        "sealway_timestamp_answers_total",
        "counter",
        "Time-stamp authorities asked, by what came of it.",
        lambda w: list(w.api.witnessing.stamped.items()),
        label="outcome",
    ),
    Figure(
        "sealway_database_connections_in_use",
        "gauge",
        "Connections to PostgreSQL that somebody works on; none with a SQLite file.",
        lambda w: w.connections_in_use,
        alarm=(
            "min_over_time(sealway_database_connections_in_use[5m]) >= 8",
            "All of database.connections_max (8 unless set) are busy: reads wait.",
        ),
    ),
)


class Figures(Collector):
    """Reads a process's figures, each as it is now."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched

    def describe(self) -> list[Metric]:
        """Nothing: what there is depends on roles and engine."""
        return []

    def collect(self) -> Iterable[Metric]:
        """Every figure that this process has."""
        for figure in METRICS:
            value = figure.read(self._watched)
            if value is not None:
                yield _family(figure, value)


def _family(figure: Figure, value: "float | Labelled | Spread") -> Metric:
    if isinstance(value, Spread):
        return HistogramMetricFamily(
            figure.name,
            figure.says,
            buckets=[(_bound(bound), count) for bound, count in value.cumulative()],
            sum_value=value.total,
        )
    made = CounterMetricFamily if figure.kind == "counter" else GaugeMetricFamily
    labels = None if figure.label is None else [figure.label]
    family = made(figure.name, figure.says, labels=labels)
    if isinstance(value, int | float):
        family.add_metric([], float(value))
    else:
        for label, number in sorted(value):
            family.add_metric([label], float(number))
    return family


def _bound(bound: float) -> str:
    return "+Inf" if bound == float("inf") else str(bound)


def registry_of(watched: Watched) -> CollectorRegistry:
    """What is scraped of a process: its figures, and the kernel's own (memory, CPU, files)."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Figures(watched))
    ProcessCollector(registry=registry)
    return registry
