"""The founder's token: made by `init`, known to the bus by its hash alone.

Owns the token's making, its file, and the line in `keys/founder.hash`. Refuses to own what a
founder may do. Why the hash stands beside the keys and not in the database: docs/adr/0005.

Invariant: a token counts at most 90 days; making a new one ends the old one.
"""

import hmac
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from exchange.operation.key_files import FILE_MODE, FOUNDER_HASH, sync_folder
from exchange.operation.settings import SettingsInvalid
from signing.encoding import b64url_decode, b64url_encode, format_time, parse_time, sha256
from signing.errors import EncodingInvalid

TOKEN_BYTES: Final = 32
DAYS_MAX: Final = 90
TOKEN_FILE: Final = "founder.token"
_DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class Founder:
    """What the bus knows of the founder's token."""

    token_hash: bytes
    expires_ms: int

    def admits(self, token: str, now_ms: int) -> bool:
        """Whether this is the token, and still counts. Takes the same time for any token."""
        is_same = hmac.compare_digest(sha256(token.encode()), self.token_hash)
        return is_same and now_ms < self.expires_ms


def make_founder(keys: Path, token_file: Path, now_ms: int) -> Founder:
    """Make a token of 256 random bits, write it and its hash; an earlier one ends.

    The hash is in place before the token is: a crash in between leaves a token that doesn't
    count, and never one that can't be ended. The token is returned nowhere and printed by nobody.
    """
    token = b64url_encode(secrets.token_bytes(TOKEN_BYTES))
    founder = Founder(sha256(token.encode()), now_ms + DAYS_MAX * _DAY_MS)
    line = f"{b64url_encode(founder.token_hash)} {format_time(founder.expires_ms)}\n"
    _replace(keys / FOUNDER_HASH, line)
    _replace(token_file, token + "\n")
    return founder


def load_founder(keys: Path) -> Founder | None:
    """What `keys/founder.hash` says, or None without that file: then nobody is the founder.

    Raises:
        SettingsInvalid: the file is there and not of this form.
    """
    path = keys / FOUNDER_HASH
    try:
        token_hash, _, expires = path.read_text("ascii").strip().partition(" ")
        return Founder(b64url_decode(token_hash, 32), parse_time(expires))
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, EncodingInvalid) as error:
        what = f"{path} is unusable; make a new token with `sealway init --renew-founder`."
        raise SettingsInvalid([what]) from error


def _replace(path: Path, text: str) -> None:
    """Write a file anew, whole or not at all, for its owner only."""
    partial = path.with_name(path.name + ".new")
    partial.unlink(missing_ok=True)
    fd = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    with os.fdopen(fd, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(fd)
    partial.rename(path)
    sync_folder(path.parent)
