"""May this request go to that service?"""

from exchange.acceptance.arrival import Arrival
from registry.access import check_right


def check_recipient(arrival: Arrival) -> None:
    """Notes the right on the arrival. Raises NotAllowed, PurposeRequired."""
    manifest = arrival.envelope.manifest
    if manifest.kind != "request":
        return
    assert manifest.to is not None
    assert manifest.service is not None
    arrival.right = check_right(
        arrival.directory,
        manifest.sender,
        manifest.to,
        manifest.service,
        purpose=manifest.purpose,
        now_ms=arrival.now_ms,
        test=manifest.test,
    )
