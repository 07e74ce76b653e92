"""Is there room in the mailboxes: for the request at its recipient, for answers at its consumer?

Asked here for the order of the codes, and once more, exactly, inside the commit.
"""

from exchange.acceptance.arrival import Arrival
from exchange.acceptance.sealing import collects, mailbox_max
from exchange.ledger.decide import full_error, quota_error
from exchange.storage.port import Reads


async def check_quota(arrival: Arrival, reads: Reads) -> None:
    """Raises QuotaExceeded, MailboxFull.

    Reads only for requests to a mailbox, or of a consumer that collects answers from its own.
    """
    right, manifest = arrival.right, arrival.envelope.manifest
    if right is None:
        return
    if collects(arrival, manifest.sender):
        most = mailbox_max(arrival, manifest.sender)
        left = await reads.boxed(manifest.sender, None)
        if left >= most:
            raise full_error(left, most)
    if right.delivery.kind != "mailbox":
        return
    most = mailbox_max(arrival, manifest.to)
    waiting = await reads.boxed(right.service.system, right.service.code)
    if waiting >= most:
        raise quota_error(waiting, most)
