"""Slots: how many calls run at once, for each service and in all."""

import asyncio

from registry.services import Service


class Slot:
    """One service's calls; first come, first served.

    After somebody waited in vain nobody waits until a slot was given back: what is queued for a
    provider that hangs must not hold up what is queued for the others.
    """

    __slots__ = ("_all", "_free", "_is_jammed")

    def __init__(self, count: int, everybody: asyncio.Semaphore) -> None:
        self._free = asyncio.Semaphore(count)
        self._all = everybody
        self._is_jammed = False

    async def take(self, wait_s: float) -> bool:
        """Take a slot; False when none was free in time, or the service is jammed."""
        if not self._free.locked() and not self._all.locked():
            await self._free.acquire()
            await self._all.acquire()
            return True
        if self._is_jammed:
            return False
        try:
            async with asyncio.timeout(wait_s):
                await self._take_both()
        except TimeoutError:
            self._is_jammed = True
            return False
        return True

    async def _take_both(self) -> None:
        await self._free.acquire()
        try:
            await self._all.acquire()
        except BaseException:
            self._free.release()
            raise

    def give(self) -> None:
        """Give the slot back."""
        self._is_jammed = False
        self._free.release()
        self._all.release()


class Slots:
    """The slots of every service, made when first asked for."""

    def __init__(self, concurrency: int) -> None:
        self._all = asyncio.Semaphore(concurrency)
        self._slots: dict[tuple[str, int], Slot] = {}

    def of(self, service: Service) -> Slot:
        """The service's slots; a changed number makes new ones."""
        key = (service.key, service.concurrency)
        slot = self._slots.get(key)
        if slot is None:
            slot = self._slots[key] = Slot(service.concurrency, self._all)
        return slot
