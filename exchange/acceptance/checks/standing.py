"""May the sender take part now?"""

from exchange.acceptance.arrival import Arrival
from registry.access import check_standing


def check_sender_standing(arrival: Arrival) -> None:
    """Raises SenderSuspended."""
    check_standing(arrival.directory, arrival.envelope.manifest.sender)
