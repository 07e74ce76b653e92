"""Proofs from any log of the bus: one's own, the directory's, another process's."""

import pytest

from exchange.ledger.entries import Placed
from exchange.ledger.errors import LogUnavailable
from exchange.ledger.log_writer import LogWriter
from exchange.ledger.logs import VIEWS_MAX, Logs
from exchange.ledger.receipts import Receipts
from signing.receipts import verify_receipt
from tests.support.shared_logs import FixedLog, OneProcess, Site, act, commit

NUMBERS: dict[bytes, int] = {}


async def place_of(writer: LogWriter, number: int) -> Placed:
    (place,) = (await commit(writer, number)).outcomes
    assert isinstance(place, Placed)
    NUMBERS[place.leaf_hash] = number
    return place


class Proving:
    """A process that holds log 1 of a site whose log 2 is another's."""

    def __init__(self, site: Site, directory: LogWriter, own: LogWriter) -> None:
        self.process: OneProcess = site.process("ours")
        self.opened: list[int] = []
        self.logs = Logs(directory, FixedLog(own), self._view)

    async def _view(self, shard: int) -> LogWriter | None:
        self.opened.append(shard)
        head = await self.process.store.head(shard)
        return None if head is None else await self.process.open(head)


@pytest.fixture
async def proving(site: Site) -> Proving:
    for number in (0, 2):
        site.keys.make(number)
        site.database.open(number)
    ours = site.process("ours")
    return Proving(site, await ours.writer(0), await ours.writer(1))


def check(site: Site, place: Placed, receipt: str) -> None:
    """The receipt is of this leaf, under the log's own key."""
    number = NUMBERS[place.leaf_hash]
    verified = verify_receipt(receipt, act(number), site.keys.signers[place.shard].verifier)
    assert verified.index == place.index


async def test_a_receipt_of_ones_own_log_needs_no_view(site: Site, proving: Proving) -> None:
    for writer in (proving.logs.held.writer, proving.logs.directory):
        place = await place_of(writer, 1 + writer.head.shard)
        check(site, place, await Receipts(proving.logs).receipt(place))
    assert proving.opened == []


async def test_a_receipt_of_anothers_log_comes_from_the_stored_note(
    site: Site, proving: Proving
) -> None:
    theirs = await site.process("theirs").writer(2)
    places = [await place_of(theirs, number) for number in range(3)]
    await theirs.seal(3)
    await theirs.save()
    for place in places:
        check(site, place, await Receipts(proving.logs).receipt(place))
    assert proving.opened == [2]
    more = await place_of(theirs, 3)
    await theirs.seal(4)
    await theirs.save()
    view = await proving.logs.covering(2, more.index)
    assert view.signed == theirs.signed
    assert proving.opened == [2], "followed, not opened again"


async def test_what_nobody_has_signed_yet_is_signed_here(site: Site, proving: Proving) -> None:
    theirs = await site.process("theirs").writer(2)
    first = await place_of(theirs, 1)
    check(site, first, await Receipts(proving.logs).receipt(first))
    second = await place_of(theirs, 2)
    await Receipts(proving.logs).sealed(second)
    check(site, second, await Receipts(proving.logs).receipt(second))
    await theirs.seal(2)
    assert theirs.signed is not None
    assert theirs.signed.size == 2, "its holder signs the same"


async def test_a_leaf_that_is_nowhere_has_no_receipt(proving: Proving) -> None:
    with pytest.raises(LogUnavailable):
        await proving.logs.covering(2, 5)
    with pytest.raises(LogUnavailable):
        await proving.logs.covering(9, 0)


async def test_a_held_log_that_was_taken_is_followed_for_its_leaves(
    site: Site, proving: Proving
) -> None:
    theirs = site.process("theirs")
    other = await theirs.open(await theirs.store.take_log(1))  # type: ignore[arg-type]
    place = await place_of(other, 1)
    check(site, place, await Receipts(proving.logs).receipt(place))


async def test_a_bounded_number_of_views_is_kept(site: Site, proving: Proving) -> None:
    places = []
    for number in range(3, VIEWS_MAX + 5):
        site.keys.make(number)
        site.database.open(number)
        writer = await site.process("theirs").writer(number)
        places.append(await place_of(writer, number))
    for place in [*places, places[0], places[-1]]:
        check(site, place, await Receipts(proving.logs).receipt(place))
    assert proving.opened == [*range(3, VIEWS_MAX + 5), 3]
    await proving.logs.close()


async def test_a_view_that_was_beside_what_is_signed_is_opened_anew(
    site: Site, proving: Proving
) -> None:
    older = site.database.copy()
    theirs = await site.process("theirs").writer(2)
    place = await place_of(theirs, 1)
    await theirs.seal(1)
    newer = site.database.copy()
    site.database.put_back(older)
    with pytest.raises(LogUnavailable):
        await proving.logs.covering(2, place.index)
    site.database.put_back(newer)
    check(site, place, await Receipts(proving.logs).receipt(place))
