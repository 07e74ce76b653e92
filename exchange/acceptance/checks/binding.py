"""Does what is about a request belong to an open one, and come from the party that may say it?"""

from exchange.acceptance.arrival import Arrival
from exchange.ledger.decide import cancel_objection, end_objection
from exchange.ledger.errors import AnswerLate, AnswerNotExpected
from signing.manifest import Manifest


def check_binding(arrival: Arrival) -> None:
    """One code for every mismatch, so that nobody learns which exchanges exist.

    Raises:
        AnswerNotExpected: no such request, or other parties, service, flag or digest.
        AlreadyAnswered, AnswerLate, ExchangeCancelled: the exchange has ended.
        NothingToCancel: it has ended without an answer, which is what a cancel wants.
    """
    manifest = arrival.envelope.manifest
    if manifest.about is None:
        return
    request = arrival.request
    if request is None or not _mirrors(manifest, request.manifest):
        raise AnswerNotExpected("No open request matches this answer.")
    if manifest.about.digest != request.digest:
        raise AnswerNotExpected("No open request matches this answer.")
    if manifest.kind == "acknowledgement":
        return  # it moves nothing, so it may be about what has ended
    is_cancel = manifest.kind == "cancel"
    objection = (cancel_objection if is_cancel else end_objection)(request.state)
    if objection is not None:
        raise objection
    if not is_cancel and arrival.now_ms > request.answer_by_ms:
        raise AnswerLate("The time to answer this request is over.")


def _mirrors(answer: Manifest, request: Manifest) -> bool:
    """Whether it comes from the one to whom it is about, or a cancel from who had asked.

    ``request`` is any message where ``answer`` is an acknowledgement, but another acknowledgement.
    """
    if answer.kind == "acknowledgement":
        if request.kind == "acknowledgement":
            return False
    elif request.kind != "request":
        return False
    is_cancel = answer.kind == "cancel"  # the consumer's own word, to whom it asked
    provider, consumer = (answer.to, answer.sender) if is_cancel else (answer.sender, answer.to)
    return (provider, consumer, answer.service, answer.test) == (
        request.to,
        request.sender,
        request.service,
        request.test,
    )
