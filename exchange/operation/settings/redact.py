"""Settings as they may be printed: complete, but for what looks like a secret.

Of our own settings one alone may hold a secret: the database's address. An adapter's table is its
plug-in's, and somebody may have put a password there against all advice.
"""

import re
from typing import Any, Final

from exchange.operation.settings.engines import masked_url
from exchange.operation.settings.model import Settings

MASK: Final = "…"
_SECRET_NAME: Final = re.compile(
    r"pass|secret|token|credential|authorization|cookie|api[-_]?key|dsn", re.IGNORECASE
)
_FILE_NAME: Final = re.compile(r"_(file|path)$")
_USERINFO: Final = re.compile(r"(?<=://)[^/@\s]+(?=@)")


def redacted(settings: Settings) -> dict[str, Any]:
    """All settings as plain values, in the order of the settings file.

    The database's address is shown without name and password. Masked in adapters' tables: values
    whose key speaks of a secret (unless it names a file), and name and password inside URLs.
    """
    plain = settings.model_dump(mode="json", exclude_none=True)
    plain["adapters"] = {name: _mask(table) for name, table in plain["adapters"].items()}
    if settings.database is not None and settings.database.url is not None:
        plain["database"]["url"] = masked_url(settings.database.url.get_secret_value())
    return plain


def _mask(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _mask(inner, name) for name, inner in value.items()}
    if _SECRET_NAME.search(key) and not _FILE_NAME.search(key):
        return MASK
    if isinstance(value, list):
        return [_mask(inner, key) for inner in value]
    return _USERINFO.sub(MASK, value) if isinstance(value, str) else value
