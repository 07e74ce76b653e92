"""A message on its way through the checks, and what they have found out about it."""

from dataclasses import dataclass
from typing import Final

from exchange.acceptance.requests import AnsweredRequest
from registry.access import Right
from registry.directory import Directory
from registry.services import Service
from signing.envelope import VerifiedEnvelope

PART_BYTES_MAX: Final = 10 * 1024 * 1024
WEEK_MS: Final = 7 * 86_400_000


@dataclass(frozen=True, slots=True)
class Terms:
    """The numbers that acceptance judges by; milliseconds, bytes, messages a second."""

    bus: str
    part_bytes_max: int = PART_BYTES_MAX
    parts_bytes_max: int = PART_BYTES_MAX
    id_age_ms_max: int = 48 * 3_600_000
    id_ahead_ms_max: int = 300_000
    times_apart_ms_max: int = 300_000
    rate_per_s_max: int = 5_000
    mailbox_max: int = 1_000


@dataclass(slots=True)
class Arrival:
    """A verified envelope, the directory it is judged under, and the checks' findings."""

    envelope: VerifiedEnvelope
    directory: Directory
    now_ms: int
    terms: Terms
    right: Right | None = None
    """By which right a request may go; None for answers."""
    request: AnsweredRequest | None = None
    """What an answer is about; None for requests."""

    @property
    def service(self) -> Service | None:
        """The registered service that the manifest names, if there is one."""
        if self.right is not None:
            return self.right.service
        manifest = self.envelope.manifest
        if manifest.kind == "acknowledgement":  # whoever received may be either of the two
            return self._of(manifest.sender) or self._of(manifest.to)
        is_consumers = manifest.about is None or manifest.kind == "cancel"
        provider = manifest.to if is_consumers else manifest.sender
        return self._of(provider)

    def _of(self, provider: str | None) -> Service | None:
        code = self.envelope.manifest.service
        if provider is None or code is None:
            return None
        return self.directory.service(provider, code)
