"""What `sealway migrate` does to the logs: first leaves, traffic logs, a successor of log 0.

Opens the ground as a process would and closes it again; the database's tables are there.
"""

from contextlib import AsyncExitStack
from dataclasses import dataclass

from exchange.ledger.errors import LogBehind
from exchange.operation.ground import lay_place, name_of_process
from exchange.operation.opening import begin_log_zero, first_leaves, open_directory, open_shards
from exchange.operation.restoring import Successor, succeed_log_zero
from exchange.operation.settings import Settings
from exchange.operation.wiring import clock


@dataclass(frozen=True, slots=True)
class PreparedLogs:
    """What was made: the numbers of traffic logs that were opened, and log 0's key to pin."""

    opened: tuple[int, ...]
    log_key: str


async def prepare_logs(settings: Settings) -> PreparedLogs:
    """Write log 0's first leaves, and open the traffic logs that are missing; harmless to repeat.

    A `[policy]` that changed since is put in force.

    Raises:
        LogBehind: the database is behind what was signed; nothing was changed.
        SealwayError: as `lay_place`.
    """
    async with AsyncExitStack() as stack:
        place = await lay_place(settings, stack, clock, name_of_process())
        await begin_log_zero(place)
        log, directory = await open_directory(place)
        stack.push_async_callback(log.writer.close)
        if log.writer.failed is not None:
            raise LogBehind(log.writer.failed.detail)
        await first_leaves(place, log, directory)
        opened = await open_shards(place, log, settings.logs_wanted)
        return PreparedLogs(tuple(opened), log.writer.verifier_key)


async def open_successor(settings: Settings, reason: str) -> Successor:
    """Go on from an older copy of the database, in the open (`restoring`).

    Raises:
        NothingToRestore: log 0 continues what was signed.
        SealwayError: as `lay_place`.
    """
    async with AsyncExitStack() as stack:
        place = await lay_place(settings, stack, clock, name_of_process())
        return await succeed_log_zero(place, reason)
