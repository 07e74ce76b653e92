"""Is there room in the recipient's mailbox?

Asked here for the order of the codes, and once more, exactly, inside the commit.
"""

from exchange.acceptance.arrival import Arrival
from exchange.acceptance.sealing import mailbox_max
from exchange.ledger.decide import quota_error
from exchange.storage.port import Reads


async def check_quota(arrival: Arrival, reads: Reads) -> None:
    """Raises QuotaExceeded. Reads only for requests to a mailbox."""
    right = arrival.right
    if right is None or right.delivery.kind != "mailbox":
        return
    most = mailbox_max(arrival)
    waiting = await reads.boxed(right.service.system, right.service.code)
    if waiting >= most:
        raise quota_error(waiting, most)
