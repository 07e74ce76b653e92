"""What a span says, whose child it is, how many are told; what becomes of those nobody takes."""

from pathlib import Path

import pytest
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from structlog.testing import capture_logs

from adapters.errors import ProviderUnreachable
from exchange.operation.settings import Settings, SettingsInvalid, load_settings
from exchange.operation.tracing.export import BATCH_MAX, Spool
from exchange.operation.tracing.spans import Outcome, Spans, make_provider, parent_of

BASE = 'bus = "sx.example"\ninstance = "sx"\n'
EGRESS = '[egress]\nhosts = ["collector.example:4318"]\n'
TABLE = '[tracing]\nendpoint = "http://collector.example:4318/v1/traces"\n'


def _load(folder: Path, text: str) -> Settings:
    (folder / "sealway.toml").write_text(BASE + text, "utf-8")
    return load_settings(folder / "sealway.toml", {})


def _kept(share: float = 1.0) -> tuple[Spans, InMemorySpanExporter]:
    kept = InMemorySpanExporter()
    return Spans(make_provider({}, share, SimpleSpanProcessor(kept))), kept


def test_off_by_default_and_a_small_share_when_on(tmp_path: Path) -> None:
    assert _load(tmp_path, "").tracing is None
    table = _load(tmp_path, EGRESS + TABLE).tracing
    assert table is not None
    assert (table.sample_share, table.queue_max) == (0.01, 4096)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (TABLE, "egress.hosts must list collector.example:4318, which tracing.endpoint"),
        (EGRESS + TABLE.replace(":4318", ""), "collector.example:80"),
        (EGRESS + TABLE + "sample_share = 1.5\n", "tracing.sample_share"),
        (EGRESS + TABLE.replace("http:", "grpc:"), "tracing.endpoint"),
        (EGRESS + TABLE.replace("//", "//name:word@"), "must not hold a name or password"),
        (EGRESS + "[tracing]\n", "tracing.endpoint"),
    ],
)
def test_a_table_that_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SettingsInvalid, match=said.replace(".", r"\.")):
        _load(tmp_path, text)


def test_what_is_not_on_the_list_is_not_told() -> None:
    spans, kept = _kept()
    with spans.around("sealway.call", None, {"sealway.by": "push", "body": "38001085718"}):
        pass
    (span,) = kept.get_finished_spans()
    assert dict(span.attributes or {}) == {"sealway.by": "push", "sealway.outcome": "ok"}


def test_of_an_error_the_code_is_told_and_never_the_text() -> None:
    spans, kept = _kept()
    with pytest.raises(ProviderUnreachable), spans.around("sealway.call", None, {}):
        raise ProviderUnreachable("Ask Mari on 38001085718.", maybe_sent=False)
    with pytest.raises(ZeroDivisionError), spans.around("sealway.call", None, {}):
        raise ZeroDivisionError("38001085718")
    first, second = kept.get_finished_spans()
    assert dict(first.attributes or {})["sealway.outcome"] == "provider-unreachable"
    assert dict(second.attributes or {})["sealway.outcome"] == "failed"
    assert not first.status.is_ok
    assert "3800" not in first.to_json() + second.to_json()


@pytest.mark.parametrize("flags", ["00", "01"])
def test_the_share_decides_by_the_traces_id_whatever_its_flag_says(flags: str) -> None:
    spans, kept = _kept(0.5)
    for trace_id in ("1" * 31 + "1", "1" * 16 + "f" * 16):
        parent = parent_of(f"00-{trace_id}-{'2' * 16}-{flags}")
        for name in ("sealway.accept", "sealway.deliver"):
            spans.tell(name, parent, 1, Outcome(), {})
    assert [span.name for span in kept.get_finished_spans()] == [
        "sealway.accept",
        "sealway.deliver",
    ]


def test_a_mistake_of_telling_is_no_error_of_the_step() -> None:
    class Broken(SpanProcessor):
        def on_end(self, span: ReadableSpan) -> None:
            raise RuntimeError("38001085718")

    spans = Spans(make_provider({}, 1.0, Broken()))
    with capture_logs() as lines, spans.around("sealway.deliver", None, {}) as outcome:
        outcome.code = "answered"
    assert [(line["event"], line["error"]) for line in lines] == [
        ("tracing.failed", "RuntimeError")
    ]


def _ended(spool: Spool, number: int) -> None:
    spans = Spans(make_provider({}, 1.0, spool))
    for _ in range(number):
        spans.tell("sealway.accept", None, 1, Outcome(), {})


async def test_spans_leave_in_batches_and_what_has_no_room_is_counted() -> None:
    posted: list[int] = []

    async def post(body: bytes) -> int:
        posted.append(len(body))
        return 200

    spool = Spool(post, queue_max=BATCH_MAX + 1, every_s=60)
    _ended(spool, BATCH_MAX + 3)
    await spool.flush()
    assert len(posted) == 2
    assert spool.lost == 2


async def test_a_collector_that_is_away_is_told_of_once_and_loses_a_batch_each_time() -> None:
    answers: list[int | Exception] = [503, ProviderUnreachable("away", maybe_sent=False), 200]

    async def post(body: bytes) -> int:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    spool = Spool(post, queue_max=100, every_s=60)
    with capture_logs() as lines:
        for _ in range(3):
            _ended(spool, 5)
            await spool.flush()
    assert [line["event"] for line in lines] == ["tracing.not_taken", "tracing.taken_again"]
    assert (lines[0]["why"], spool.lost) == ("status-503", 10)
