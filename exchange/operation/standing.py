"""What a process says of itself when it is asked whether it is ready.

Owns the words of `/readyz` beyond ready or not. A process is ready without what carries and without
those who vouch for its log, for a while each.
"""

from exchange.delivery.relay import Relay
from exchange.operation.settings import Settings
from exchange.witnessing.witnessing import Witnessing


def standing(settings: Settings, relay: Relay, witnessing: Witnessing) -> dict[str, str]:
    """How what carries (``bus``) and what anchors (``anchoring``) stand, where there is any."""
    told = {}
    if settings.bus_kind == "kafka":
        told["bus"] = "away" if relay.is_away else "connected"
    if witnessing.rules.needs_anything:
        told["anchoring"] = "late" if witnessing.lateness.is_late else "in-time"
    return told
