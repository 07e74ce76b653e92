"""Spans: what is told of a step of a message, and whose child it is.

Owns the closed list of what a span may say. Refuses texts of errors, whatever a sender wrote that
isn't registered, and OpenTelemetry's global state: FastAPI would tell of its own there.

Invariant: no mistake in here is an error of a message.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

import structlog
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from signing.errors import SealwayError

log = structlog.get_logger()

Value = str | int | bool

TOLD: Final = frozenset(
    {
        "sealway.kind",
        "sealway.system",
        "sealway.service",
        "sealway.test",
        "sealway.attempt",
        "sealway.by",
        "sealway.outcome",
    }
)
"""All that a span may say, beside its name and times: codes, registered names, numbers."""

FAILED: Final = "failed"
"""The outcome of what ended by an error without a code."""

_within: ContextVar[SpanContext | None] = ContextVar("span_within", default=None)


@dataclass(slots=True)
class Outcome:
    """How a step ended; told when it does."""

    code: str = "ok"
    is_error: bool = False


def parent_of(traceparent: str | None) -> SpanContext | None:
    """The consumer's span, from a manifest's `traceparent`, whose form was checked."""
    if traceparent is None:
        return None
    _, trace_id, span_id, flags = traceparent.split("-")
    sampled = TraceFlags(int(flags, 16) & TraceFlags.SAMPLED)
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=sampled)


def make_provider(
    about: Mapping[str, str], sample_share: float, processor: SpanProcessor
) -> TracerProvider:
    """A provider of our own; what it samples follows from a trace's id, not from who asks."""
    provider = TracerProvider(
        sampler=TraceIdRatioBased(sample_share),
        resource=Resource(about),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(processor)
    return provider


class Spans:
    """Makes spans. A step inside another is its child; otherwise a child of the consumer's span."""

    def __init__(self, provider: TracerProvider) -> None:
        self._tracer = provider.get_tracer("sealway")

    def tell(
        self,
        name: str,
        parent: SpanContext | None,
        began_ns: int,
        outcome: Outcome,
        told: Mapping[str, Value],
    ) -> SpanContext | None:
        """A step that began at ``began_ns`` and ends now; its place in the trace."""
        span = self._begin(name, _within.get() or parent, told, began_ns)
        self._end(span, outcome)
        return None if span is None else span.get_span_context()

    @contextmanager
    def around(
        self, name: str, parent: SpanContext | None, told: Mapping[str, Value]
    ) -> Iterator[Outcome]:
        """A step from here to the end of the block; an error's code is its outcome."""
        outcome = Outcome()
        span = self._begin(name, _within.get() or parent, told, time.time_ns())
        token = _within.set(None if span is None else span.get_span_context())
        try:
            yield outcome
        except BaseException as error:
            outcome.code, outcome.is_error = outcome_of(error), True
            raise
        finally:
            _within.reset(token)
            self._end(span, outcome)

    def _begin(
        self, name: str, parent: SpanContext | None, told: Mapping[str, Value], began_ns: int
    ) -> Span | None:
        try:
            context = None if parent is None else set_span_in_context(NonRecordingSpan(parent))
            allowed = {key: value for key, value in told.items() if key in TOLD}
            return self._tracer.start_span(
                name, context, attributes=allowed, start_time=began_ns, record_exception=False
            )
        except Exception as error:
            log.error("tracing.failed", error=type(error).__name__)
            return None

    def _end(self, span: Span | None, outcome: Outcome) -> None:
        if span is None:
            return
        try:
            span.set_attribute("sealway.outcome", outcome.code)
            if outcome.is_error:
                span.set_status(Status(StatusCode.ERROR))
            span.end()
        except Exception as error:
            log.error("tracing.failed", error=type(error).__name__)


def outcome_of(error: BaseException) -> str:
    """An error's code; never its text."""
    return error.code if isinstance(error, SealwayError) else FAILED
