"""Is there room in the mailboxes: for the request at its recipient, for answers at its consumer?

Asked here for the order of the codes, by figures up to a second old plus what this process added,
and once more inside the commit. Nobody is refused by an old figure.
"""

from exchange.acceptance.arrival import Arrival
from exchange.acceptance.sealing import collects, mailbox_max
from exchange.ledger.decide import full_error, quota_error
from exchange.ledger.entries import Entry, MessageEntry
from exchange.storage.boxes import Box, BoxFigures
from exchange.storage.port import Reads


class Room:
    """The room in mailboxes, as last counted."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads
        self._figures = BoxFigures()

    async def check(self, arrival: Arrival) -> None:
        """Raises QuotaExceeded, MailboxFull.

        Counts only for requests to a mailbox, or of a consumer that collects answers from its own.
        """
        right, manifest = arrival.right, arrival.envelope.manifest
        if right is None:
            return
        if collects(arrival, manifest.sender):
            most = mailbox_max(arrival, manifest.sender)
            if (left := await self._at_least((manifest.sender, None), most)) >= most:
                raise full_error(left, most)
        if right.delivery.kind == "mailbox":
            most = mailbox_max(arrival, manifest.to)
            box = (right.service.system, right.service.code)
            if (waiting := await self._at_least(box, most)) >= most:
                raise quota_error(waiting, most)

    def put(self, entry: Entry) -> None:
        """An entry was committed here: count what it put into a mailbox."""
        if isinstance(entry, MessageEntry):
            if entry.opens is not None and entry.opens.box is not None:
                self._figures.one_more(entry.opens.box)
            if entry.answers is not None:
                self._figures.one_more(entry.answers.box)

    async def _at_least(self, box: Box, most: int) -> int:
        """How many wait, counted now if the mailbox seems to be full."""
        figure = self._figures.fresh(box)
        if figure is None or figure >= most:
            figure = await self._reads.boxed(*box)
            self._figures.keep(box, figure)
        return figure
