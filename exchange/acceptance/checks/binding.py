"""Does an answer belong to an open request, and come from whom it was asked of?"""

from exchange.acceptance.arrival import Arrival
from exchange.ledger.decide import end_objection
from exchange.ledger.errors import AnswerLate, AnswerNotExpected
from signing.manifest import Manifest


def check_binding(arrival: Arrival) -> None:
    """One code for every mismatch, so that nobody learns which exchanges exist.

    Raises:
        AnswerNotExpected: no such request, or other parties, service, flag or digest.
        AlreadyAnswered, AnswerLate, ExchangeCancelled: the exchange has ended.
    """
    manifest = arrival.envelope.manifest
    if manifest.about is None:
        return
    request = arrival.request
    if request is None or not _mirrors(manifest, request.manifest):
        raise AnswerNotExpected("No open request matches this answer.")
    if manifest.about.digest != request.digest:
        raise AnswerNotExpected("No open request matches this answer.")
    objection = end_objection(request.state)
    if objection is not None:
        raise objection
    if arrival.now_ms > request.answer_by_ms:
        raise AnswerLate("The time to answer this request is over.")


def _mirrors(answer: Manifest, request: Manifest) -> bool:
    return (answer.sender, answer.to, answer.service, answer.test) == (
        request.to,
        request.sender,
        request.service,
        request.test,
    )
