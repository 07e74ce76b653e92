"""What is looked at before a process of the bus starts: its role, its ports, its database.

Everything that a person can put right is told in one line here, before a lock or a lease is taken.
"""

import asyncio
from typing import Final
from urllib.parse import urlsplit

import structlog

from exchange.operation.engines import database_address, database_place
from exchange.operation.ports import check_port
from exchange.operation.roles import BOTH, Role
from exchange.operation.settings import Settings, SettingsInvalid
from exchange.storage.errors import StorageUnavailable
from exchange.storage.postgres.look import reach

PAUSE_S: Final = 2.0
_LOOPBACK: Final = ("127.0.0.1", "localhost")

log = structlog.get_logger()


def start(settings: Settings, roles: frozenset[Role]) -> None:
    """Run a process in these roles until it is told to stop.

    Raises:
        SettingsInvalid: the settings don't fit the roles, or can't be used.
        PortTaken: an address to listen on can't be had.
        StorageUnavailable: the database was away for `database.wait_s`.
        SealwayError: the bus can't start; the error says why.
    """
    from exchange.operation.serve import configure_logging, run

    configure_logging()
    check_roles(settings, roles)
    check_ports(settings, roles)
    if roles == BOTH and (instead := other_address(settings)) is not None:
        log.warning(
            "bus.listens_elsewhere",
            listens=f"{settings.host}:{settings.port}",
            public_url=settings.public_url,
            remedy=f"Unless a proxy leads from there to here, say --public-url {instead}, and "
            "name it in profiles: tokens are bound to it.",
        )
    if settings.database is not None:
        asyncio.run(until_reached(settings))
    run(settings, roles)


def check_roles(settings: Settings, roles: frozenset[Role]) -> None:
    """A bus in one file is one process. Raises SettingsInvalid."""
    if roles != BOTH and settings.database is None:
        raise SettingsInvalid(
            ["Several processes need a database to share: add [database], or run `sealway serve`."]
        )


def check_ports(settings: Settings, roles: frozenset[Role]) -> None:
    """Whether what this process listens on is free. Raises PortTaken."""
    if Role.GATEWAY in roles:
        check_port(settings.host, settings.port, "port")
    else:
        check_port(settings.health_host, settings.health_port, "health_port")
    if settings.metrics_port is not None:
        check_port(settings.metrics_host, settings.metrics_port, "metrics_port")


def other_address(settings: Settings) -> str | None:
    """The address that this machine's callers need, where `public_url` names another port of it.

    None when they agree, or when `public_url` is no address of this machine alone.
    """
    told = urlsplit(settings.public_url)
    if told.hostname not in _LOOPBACK or told.port in (None, settings.port):
        return None
    return f"{told.scheme}://{told.hostname}:{settings.port}"


async def until_reached(settings: Settings, pause_s: float = PAUSE_S) -> None:
    """Wait for the database, at most `database.wait_s`, with a line of log for each attempt.

    Raises:
        StorageUnavailable: it stayed away.
        StorageRefused: it is there and doesn't let us in: waiting won't help.
        SettingsInvalid: its address can't be read.
    """
    assert settings.database is not None
    address, place = database_address(settings), database_place(settings)
    loop = asyncio.get_running_loop()
    end = loop.time() + settings.database.wait_s
    while True:
        try:
            return await reach(address)
        except StorageUnavailable as away:
            left_s = end - loop.time()
            if left_s <= 0:
                waited_s = settings.database.wait_s
                raise StorageUnavailable(
                    f"{away.detail} {place} was away for {waited_s:g} s: start the database, or"
                    " correct [database]."
                ) from away
            log.warning("database.away", at=place, why=away.detail, waiting_s=round(left_s))
            await asyncio.sleep(min(pause_s, left_s))
