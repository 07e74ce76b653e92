"""Answers under hosted keys: from what an adapter returned to a signed, verified message."""

import json
from collections.abc import Mapping
from typing import Final

from adapters.base import Answer, Reject
from exchange.delivery.jobs import Job
from signing.compose import Composed, PartIn, answer_draft, compose
from signing.errors import IdentifierInvalid, SealwayError
from signing.identifiers import Code, Fingerprint, SystemId, parse_code
from signing.keys import Signer

FAILURE: Final = Code("failure")


class KeyNotHosted(SealwayError):
    """No key to answer under: `[hosted]` in the settings doesn't name the system."""

    code = "provider-not-set-up"


class HostedKeys:
    """The keys of systems whose answers are signed in this process."""

    def __init__(self, signers: Mapping[SystemId, Signer]) -> None:
        self._signers = signers

    @property
    def certificates(self) -> dict[str, str]:
        """By system, the thumbprint of the certificate that its answers name."""
        return {system: signer.x5t for system, signer in self._signers.items()}

    def signer(self, system: SystemId) -> Signer:
        """The system's signer. Raises KeyNotHosted."""
        signer = self._signers.get(system)
        if signer is None:
            raise KeyNotHosted("No key for this system is hosted here.", system=system)
        return signer


def compose_answer(
    job: Job,
    result: Answer | Reject,
    signer: Signer,
    now_ms: int,
    schema: Fingerprint | None,
) -> Composed:
    """Sign what an adapter returned; ``schema`` is the response schema it was checked against."""
    if isinstance(result, Reject):
        draft = answer_draft(job.manifest, job.digest, "rejection", now_ms, reason=_code(result))
        return compose(draft, _context(result), signer)
    draft = answer_draft(job.manifest, job.digest, "response", now_ms)
    return compose(draft, [PartIn(result.body, "body", result.type, schema)], signer)


def _code(reject: Reject) -> Code:
    try:
        return parse_code(reject.code)
    except IdentifierInvalid:
        return FAILURE


def _context(reject: Reject) -> list[PartIn]:
    if not reject.text:
        return []
    text = json.dumps({"text": reject.text}, ensure_ascii=False).encode()
    return [PartIn(text, "context")]
