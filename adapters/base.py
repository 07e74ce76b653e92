"""What an adapter is: a verified request in, an answer or a rejection out.

Owns the types that cross the port and the Protocol itself. Refuses to know how the request was
verified, how the answer is signed, or when a failed attempt is tried again.

Invariant: an adapter never sees an envelope or a key of the bus, and whatever it returns is data
of the provider's, checked against the service's schema by whoever called.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

from signing.strict_json import parse_json
from signing.values import value_type

if TYPE_CHECKING:
    from adapters.egress import Egress

NO_ATTACHMENTS: Final = "This service takes no attachments."
JSON_TYPE: Final = "application/json"
JSON_DEPTH_MAX: Final = 64
JSON_BYTES_MAX: Final = 10 * 1024 * 1024
REJECT_TEXT_CHARS_MAX: Final = 4000

_UNPARSED: Final = object()


@value_type
class Attachment:
    """A part of a request beside its body: no schema describes it."""

    name: str
    type: str
    body: bytes


@value_type
class AdapterRequest:
    """A verified request, as an adapter may see it.

    ``attempt`` counts from 1. ``expires_ms`` is milliseconds since 1970 UTC. ``service`` is the
    service's code, ``system`` the provider's identifier, ``sender`` the consumer's.
    """

    id: str
    sender: str
    system: str
    service: str
    attempt: int
    body_type: str
    body: bytes
    purpose: str | None = None
    test: bool = False
    expires_ms: int | None = None
    traceparent: str | None = None
    attachments: tuple[Attachment, ...] = ()
    """An adapter that can't pass them on rejects the request; it never drops them."""
    context: bytes | None = None
    """The part `context`: words and names for people, as JSON; may hold personal data."""
    _json: Any = field(default=_UNPARSED, init=False, repr=False, compare=False)

    @property
    def json(self) -> Any:
        """The body as JSON, parsed strictly on first use and kept.

        Raises:
            JsonInvalid: the body is not strict JSON, is deeper than 64 or longer than 10 MiB.
        """
        if self._json is _UNPARSED:
            value = parse_json(self.body, depth_max=JSON_DEPTH_MAX, bytes_max=JSON_BYTES_MAX)
            object.__setattr__(self, "_json", value)
        return self._json


@value_type
class Answer:
    """The provider's answer: a media type without parameters, and the bytes to sign."""

    type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Reject:
    """The provider's no. ``text`` is at most 4,000 characters and may hold personal data.

    ``code`` is ``access-denied``, ``no-data``, ``unknown-request``, ``failure`` or a code that
    the provider has agreed with its consumers.
    """

    code: str
    text: str = ""

    def __post_init__(self) -> None:
        if len(self.text) > REJECT_TEXT_CHARS_MAX:
            object.__setattr__(self, "text", self.text[:REJECT_TEXT_CHARS_MAX])


def refusal_of(request: AdapterRequest, *, is_for_tests: bool) -> Reject | None:
    """What an adapter must not pass on, by its settings; None for everything else.

    Tests and real requests never share one: ``is_for_tests`` answers the ones, or the others.
    """
    if request.test and not is_for_tests:
        return Reject("unknown-request", "This service has no test endpoint.")
    if is_for_tests and not request.test:
        return Reject("failure", "Only test messages are answered here.")
    if request.attachments:
        return Reject("unknown-request", NO_ATTACHMENTS)
    return None


class Adapter(Protocol):
    """One department's way of speaking.

    ``start`` comes before the first ``answer`` and ``close`` after the last; both may be called
    once. ``answer`` is called concurrently, and for the same id again after a failed attempt.
    """

    @property
    def name(self) -> str:
        """The name it has in the settings: ``[adapters.NAME]``."""
        ...

    @classmethod
    def from_settings(
        cls,
        name: str,
        table: Mapping[str, Any],
        egress: "Egress",
        *,
        folder: Path = Path(),
    ) -> Self:
        """Make one from its table of settings; paths in it are relative to ``folder``.

        ``kind`` may be in the table or have been taken out by whoever chose the class by it.

        Opens nothing but the secret files that the table names.

        Raises:
            AdapterSettingsInvalid: unknown keys, bad templates, unsafe queries, missing secrets.
        """
        ...

    async def start(self) -> None:
        """Take resources. A provider that is down now is no reason to fail."""
        ...

    async def answer(self, request: AdapterRequest) -> Answer | Reject:
        """Ask the department's system; may be cancelled at any await.

        Raises:
            ProviderUnreachable: nothing usable came back, worth another attempt.
            ProviderTimeout: no complete answer in time.
            ProviderMisbehaved: it answered, and not as its settings say.
        """
        ...

    async def close(self) -> None:
        """Let go of every connection, file and thread."""
        ...
