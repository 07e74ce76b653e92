"""Where the bus keeps and carries: `[database]`, `[kafka]` and `[retention]`.

Owns which engine runs: without `[database]` everything is in one SQLite file and one process.
Refuses to hold a secret in the clear: an address with a password is a `SecretStr` or a file's,
and no mistake repeats it.
"""

import re
from pathlib import Path
from typing import Annotated, Final, Literal, Self, cast
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, model_validator

from exchange.operation.settings.limits import Table

SCHEMES: Final = ("postgresql", "postgres", "postgresql+asyncpg")
_ADDRESS: Final = re.compile(r"(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})", re.ASCII)
_PREFIX: Final = re.compile(r"[A-Za-z0-9._-]{1,100}", re.ASCII)


def absolute(path: Path, info: ValidationInfo) -> Path:
    """A path of the settings, from the folder of their file."""
    folder = cast(dict[str, Path], info.context or {}).get("folder", Path())
    return (folder / path.expanduser()).absolute()


FilePath = Annotated[Path, AfterValidator(absolute)]


def check_database_url(text: str) -> str:
    """An address of a PostgreSQL database; raises ValueError, which never repeats it.

    What is checked here would be an error of the driver otherwise, and those quote.
    """
    if not text.isprintable() or any(one.isspace() for one in text):
        raise ValueError("must be one address, without spaces and line ends inside")
    try:
        url = urlsplit(text)
    except ValueError:
        raise ValueError("is not an address; write odd characters of a password as %XX") from None
    if url.scheme not in SCHEMES:
        raise ValueError("must be an address like postgresql://user@host:5432/sealway")
    if url.fragment or "@" in url.path or url.netloc.count("@") > 1:
        raise ValueError("has a character in its password that must be written as %XX")
    for host in url.netloc.rpartition("@")[2].split(","):
        port = host.rpartition("]")[2].partition(":")[2]
        if port and not (port.isascii() and port.isdigit() and int(port) <= 65_535):
            raise ValueError("has a port that is no number; in a password, write ':/#@' as %XX")
    if not url.path.strip("/"):
        raise ValueError("must name the database after the host, as in …/sealway")
    return text


def _database_url(secret: SecretStr) -> SecretStr:
    return SecretStr(check_database_url(secret.get_secret_value()))


def _bootstrap(text: str) -> str:
    for address in text.split(","):
        found = _ADDRESS.fullmatch(address.strip())
        if not found or not 1 <= int(found[2]) <= 65_535:
            raise ValueError("must be host:port, several with commas")
    return ",".join(address.strip() for address in text.split(","))


def _prefix(text: str) -> str:
    if not _PREFIX.fullmatch(text):
        raise ValueError("must be letters, digits, '.', '_' and '-'")
    return text


class Database(Table):
    """`[database]`: PostgreSQL instead of the SQLite file; then many processes share a bus."""

    url: Annotated[SecretStr, AfterValidator(_database_url)] | None = Field(
        default=None,
        description="address like postgresql://user@host:5432/sealway; with a password inside, "
        "better in a file (`url_file`) or in the variable SEALWAY_DATABASE__URL",
    )
    url_file: FilePath | None = Field(
        default=None, description="file that holds the address alone; readable by its owner only"
    )
    connections_max: int = Field(
        default=8,
        ge=4,
        le=200,
        description="connections of one process: a committer, a sweeper and a few reads; all "
        "processes together stay below the server's max_connections",
    )
    lease_s: float = Field(
        default=15,
        ge=2,
        le=300,
        description="seconds until another process may take the log of one that died; each "
        "commit renews it, so that only silence costs a log",
    )
    wait_s: float = Field(
        default=60,
        ge=0,
        le=3600,
        description="seconds that a start waits for a database that is away; after a power cut "
        "everything starts at once",
    )

    @model_validator(mode="after")
    def _check_one_address(self) -> Self:
        if (self.url is None) == (self.url_file is None):
            raise ValueError("needs either url or url_file")
        return self


class Kafka(Table):
    """`[kafka]`: Apache Kafka carries what the database keeps."""

    bootstrap: Annotated[str, AfterValidator(_bootstrap)] = Field(
        description="brokers as host:port, several with commas; any one of them tells of the others"
    )
    prefix: Annotated[str, AfterValidator(_prefix)] = Field(
        default="sealway",
        description="what every topic's name begins with, so that buses can share a cluster",
    )
    copies: int = Field(
        default=3,
        ge=1,
        le=9,
        description="copies of each topic that `migrate` makes: one broker may be repaired while "
        "another fails",
    )
    copies_in_sync_min: int = Field(
        default=2,
        ge=1,
        le=9,
        description="copies that must have a record before it counts as carried; at most `copies`",
    )
    session_s: float = Field(
        default=10,
        ge=6,
        le=120,
        description="seconds of silence after which a deliverer's share of the topics goes to "
        "others; brokers allow no less than 6 by default",
    )
    tls: bool = Field(default=False, description="whether connections to the brokers are encrypted")
    ca_file: FilePath | None = Field(
        default=None, description="certificate authorities in PEM, instead of the system's"
    )
    certificate_file: FilePath | None = Field(
        default=None, description="this process's certificate in PEM, where brokers ask for one"
    )
    key_file: FilePath | None = Field(
        default=None, description="the private key of `certificate_file` in PEM"
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = Field(
        default=None, description="how this process says who it is, where brokers ask by SASL"
    )
    sasl_username: str | None = Field(default=None, description="the name it says")
    sasl_password_file: FilePath | None = Field(
        default=None, description="file that holds the password alone; readable by its owner only"
    )

    @model_validator(mode="after")
    def _check_across(self) -> Self:
        if self.copies_in_sync_min > self.copies:
            raise ValueError("copies_in_sync_min must be at most copies")
        if not self.tls and (self.ca_file or self.certificate_file):
            raise ValueError("ca_file and certificate_file need tls = true")
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificate_file and key_file need each other")
        sasl = (self.sasl_mechanism, self.sasl_username, self.sasl_password_file)
        if any(sasl) and not all(sasl):
            raise ValueError("sasl_mechanism, sasl_username and sasl_password_file need each other")
        return self


class Retention(Table):
    """`[retention]`: how long messages are kept; their leaves stay in the log for ever."""

    messages_days: int | None = Field(
        default=None,
        ge=31,
        description="days after which messages go, but those on hold or still open; none keeps "
        "all. At least 31: an id is remembered for 48 h, a person's question takes weeks",
    )


def masked_url(text: str) -> str:
    """A database's address without what gets one in: for doctor, and for lines of log."""
    try:
        url = urlsplit(check_database_url(text))
    except ValueError:
        return "…"
    user, _, hosts = url.netloc.rpartition("@")
    query = re.sub(r"(?i)(pass[a-z]*|sslpassword|sslkey)=[^&]*", r"\1=…", url.query)
    netloc = f"…@{hosts}" if user else hosts
    return f"{url.scheme}://{netloc}{url.path}" + (f"?{query}" if query else "")
