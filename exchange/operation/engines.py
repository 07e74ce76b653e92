"""From settings to the database's address and Kafka's brokers, secrets read from their files.

Refuses to print: a secret that can't be used is told by the name of its file. Invariant: only these
two functions look into files that hold a secret of an engine.
"""

import ssl
from pathlib import Path
from urllib.parse import urlsplit

from exchange.bus.kafka.brokers import Brokers
from exchange.operation.key_files import read_secret
from exchange.operation.settings import Kafka, Settings, SettingsInvalid
from exchange.operation.settings.engines import check_database_url, masked_url

_DRIVER = "postgresql+asyncpg://"


def database_address(settings: Settings) -> str:
    """The database's address, as asyncpg takes it; `[database]` must be there.

    Raises:
        SettingsInvalid: its file can't be read, or holds no address.
    """
    database = settings.database
    assert database is not None
    if database.url is not None:
        return _plain(database.url.get_secret_value())
    assert database.url_file is not None
    text = read_secret(database.url_file)
    try:
        return _plain(check_database_url(text))
    except ValueError as error:
        raise SettingsInvalid([f"{database.url_file} {error}; correct it."]) from None


def database_place(settings: Settings) -> str:
    """Where the database is, for people: without name and password. Raises SettingsInvalid."""
    return masked_url(database_address(settings))


def is_local(address: str) -> bool:
    """Whether a database's address leads over a socket of this machine."""
    host = urlsplit(address).netloc.rpartition("@")[2]
    return not host or host.startswith(("127.", "localhost", "[::1]"))


def brokers(settings: Settings) -> Brokers:
    """Kafka's brokers with what gets us in; `[kafka]` must be there.

    Raises:
        SettingsInvalid: a certificate, key or password can't be read.
    """
    kafka = settings.kafka
    assert kafka is not None
    password = kafka.sasl_password_file
    return Brokers(
        kafka.bootstrap,
        prefix=kafka.prefix,
        client=f"sealway-{settings.bus}",
        tls=_tls(kafka) if kafka.tls else None,
        sasl_mechanism=kafka.sasl_mechanism,
        sasl_username=kafka.sasl_username,
        sasl_password=None if password is None else read_secret(password),
    )


def _tls(kafka: Kafka) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=kafka.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise _unusable(kafka.ca_file, "certificates in PEM") from error
    if kafka.certificate_file is not None and kafka.key_file is not None:
        try:
            context.load_cert_chain(kafka.certificate_file, kafka.key_file, password="")
        except (OSError, ssl.SSLError) as error:
            pair = f"a certificate in PEM, and {kafka.key_file} its key without a password"
            raise _unusable(kafka.certificate_file, pair) from error
    return context


def _unusable(path: Path | None, expected: str) -> SettingsInvalid:
    return SettingsInvalid([f"{path} must hold {expected}; put the right file there."])


def _plain(address: str) -> str:
    if address.startswith(_DRIVER):
        return "postgresql://" + address.removeprefix(_DRIVER)
    return address
