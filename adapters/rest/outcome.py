"""What an HTTP status means for the exchange.

Owns the defaults and the operator's additions. Invariant: a status that nobody foresaw is the
provider's misbehaviour, never an answer and never a rejection.
"""

from collections.abc import Mapping
from typing import Final

ANSWER: Final = "answer"
UNREACHABLE: Final = "unreachable"
MISBEHAVED: Final = "misbehaved"

DEFAULTS: Final[Mapping[str, str]] = {
    "200": ANSWER,
    "400": "unknown-request",
    "401": "access-denied",
    "403": "access-denied",
    "404": "no-data",
    "410": "no-data",
    "422": "unknown-request",
    "429": UNREACHABLE,
    "502": UNREACHABLE,
    "503": UNREACHABLE,
    "504": UNREACHABLE,
}


class Outcomes:
    """Status → ``answer``, ``unreachable``, ``misbehaved`` or a rejection code."""

    __slots__ = ("_classes", "_exact")

    def __init__(self, added: Mapping[str, str]) -> None:
        """``added`` goes before the defaults, an exact status before its class."""
        classes = {key: value for key, value in added.items() if key.endswith("xx")}
        kept = {key: value for key, value in DEFAULTS.items() if f"{key[0]}xx" not in classes}
        exact = {key: value for key, value in added.items() if not key.endswith("xx")}
        self._exact = {int(key): value for key, value in (kept | exact).items()}
        self._classes = {int(key[0]): value for key, value in classes.items()}

    def of(self, status: int) -> str:
        """The outcome of one status."""
        found = self._exact.get(status)
        return found if found is not None else self._classes.get(status // 100, MISBEHAVED)
