"""Are the message's times plausible, and is it still wanted?"""

from exchange.acceptance.arrival import Arrival
from exchange.acceptance.errors import MessageExpired, MessageFromTheFuture, MessageStale
from signing.encoding import format_time
from signing.errors import ManifestInvalid
from signing.identifiers import message_time_ms


def check_times(arrival: Arrival) -> None:
    """Only the id's own time is held against the clock; the others against each other.

    Raises:
        MessageStale, MessageFromTheFuture: the id is over 48 h old, or over 5 min ahead.
        ManifestInvalid: id, ``created`` and ``iat`` are more than 5 min apart.
        MessageExpired: ``expires`` has passed.
    """
    manifest, terms = arrival.envelope.manifest, arrival.terms
    id_ms = message_time_ms(manifest.id)
    if arrival.now_ms - id_ms > terms.id_age_ms_max:
        hours = terms.id_age_ms_max // 3_600_000
        raise MessageStale(
            f"The id was made {format_time(id_ms)}, over {hours} h ago; the bus's clock says "
            f"{format_time(arrival.now_ms)}. Send with a fresh id."
        )
    if id_ms - arrival.now_ms > terms.id_ahead_ms_max:
        raise MessageFromTheFuture(
            f"The id was made {format_time(id_ms)}; the bus's clock says only "
            f"{format_time(arrival.now_ms)}. Set your clock."
        )
    times = (id_ms, manifest.created_ms, arrival.envelope.iat_s * 1000)
    if max(times) - min(times) > terms.times_apart_ms_max + 1000:
        raise ManifestInvalid("The id's time, 'created' and 'iat' are more than 5 minutes apart.")
    if manifest.expires_ms is not None and manifest.expires_ms <= arrival.now_ms:
        raise MessageExpired("The message expired before it arrived.")
