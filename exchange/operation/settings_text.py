"""The text of a new bus's `sealway.toml`: what `init` was told, and comments that explain it.

Invariant: no secret stands in it; an address with a password goes into a file of its own.
"""

import json
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from exchange.operation.founder import TOKEN_FILE
from exchange.operation.key_files import DATABASE_URL

SHARDS: Final = 16
_LOCAL: Final = re.compile(r"(127\.[0-9.]+|localhost|\[::1\]):[0-9]+")


@dataclass(frozen=True, slots=True)
class Names:
    """What a bus is called, where it listens, keeps and carries; the first two are for ever."""

    bus: str = "sx.example"
    instance: str = "sx"
    port: int = 8480
    public_url: str = ""
    database: str = ""
    kafka: str = ""
    shards: int | None = None
    founder: bool | None = None
    """Whether the founder's token counts; not said: on an embedded bus only."""
    sandbox: bool = False

    @property
    def url(self) -> str:
        """The public URL given, or this machine."""
        return (self.public_url or f"http://127.0.0.1:{self.port}").rstrip("/")

    @property
    def logs(self) -> int:
        """How many traffic logs have a key from the beginning."""
        return (self.shards or SHARDS) if self.database else 1

    @property
    def hides_database(self) -> bool:
        """Whether the database's address holds a password, or may."""
        if not self.database:
            return False
        url = urlsplit(self.database)
        return bool(url.password) or "pass" in url.query.lower()


def quoted(text: str) -> str:
    """A TOML basic string, for the characters that names may have."""
    return json.dumps(text, ensure_ascii=False)


def settings_text(names: Names) -> str:
    """The whole file."""
    return f"""\
# Settings of this bus. Relative paths start at this file's folder; unknown keys are refused.
# A variable SEALWAY_KEY or SEALWAY_TABLE__KEY wins over the file.

# Two names, for ever: they stand in every signed message and in the logs' names.
bus = {quoted(names.bus)}
instance = {quoted(names.instance)}

# Where the bus listens, and the address by which others reach it (through a proxy with TLS, say).
# Systems' tokens are bound to public_url: change it when the address changes.
host = "127.0.0.1"
port = {names.port}
public_url = {quoted(names.url)}

# Back up data; keep keys apart from it, and never put state back from a backup: it holds how far
# the logs were signed, which is how a database that was rolled back is found out.
data = "data"
keys = "keys"
state = "state"
{_engines(names)}
[egress]
# The hosts that adapters and push here may call, as "host:port"; with " private" after it, its
# address may be a private one. Nothing else is ever called.
hosts = []

[policy]
# The token in {TOKEN_FILE} acts as operator and for every member. Turn it off when people have
# tokens of their own (`sealway person add`).
founder = {_founder(names)}
algorithms = ["ES256", "Ed25519"]

# A system whose answers an adapter here signs, with a key of its own:
# [hosted."{names.instance}/GOV/2002/civil-registry"]
# key = "keys/civil-registry.pem"
# certificate = "keys/civil-registry.crt"

# The adapters that services name in `delivery`, each with its own settings:
# [adapters.civil]
# kind = "sql"

# The endpoints of systems that take their requests by push, named in `delivery` too:
# [push.civil]
# system = "{names.instance}/GOV/2002/civil-registry"
# url = "https://civil.example/sealway"

# Limits and times have defaults with reasons; [limits] and [delivery] change them.
# [limits]
# mailbox_max = 1000
"""


def _founder(names: Names) -> str:
    counts = not names.database if names.founder is None else names.founder
    return "true" if counts else "false"


def _engines(names: Names) -> str:
    """The tables `[database]` and `[kafka]`, where there are any."""
    if not names.database:
        return ""
    kafka = ""
    if names.kafka:
        kafka = f"""
[kafka]
# It carries what the database keeps; while it is away, the database is swept.
bootstrap = {quoted(names.kafka)}
{_copies(names.kafka)}"""
    return f"""
# Traffic logs that `sealway migrate` opens; each process that accepts holds one.
shards = {names.logs}

# Where `sealway deliver` answers /livez and /readyz.
health_host = "127.0.0.1"
health_port = 8481

[database]
{_address(names)}
{kafka}"""


def _address(names: Names) -> str:
    if names.hides_database:
        return f'''# The address holds a password, so it stands in a file that only its owner reads.
url_file = "keys/{DATABASE_URL}"'''
    return f"url = {quoted(names.database)}"


def _copies(kafka: str) -> str:
    """One broker on this machine can't keep three copies."""
    if _LOCAL.fullmatch(kafka):
        return """\
# One broker on this machine keeps one copy. With three or more brokers: 3 and 2.
copies = 1
copies_in_sync_min = 1
"""
    return """\
# copies = 3
# copies_in_sync_min = 2
"""
