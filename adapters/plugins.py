"""Finding adapters by the name in ``kind``.

Owns the look-up in the entry-point group ``sealway.adapters``. Refuses to know the adapters
themselves: those in this package are found the same way as anybody else's.

Invariant: a plug-in is imported only when a setting names it, so an unused one costs nothing.
"""

from importlib.metadata import entry_points
from typing import Final

from adapters.base import Adapter
from adapters.errors import AdapterSettingsInvalid

GROUP: Final = "sealway.adapters"


def names() -> tuple[str, ...]:
    """The kinds that are installed, sorted."""
    return tuple(sorted({point.name for point in entry_points(group=GROUP)}))


def load(kind: str) -> type[Adapter]:
    """Import the adapter class that answers to ``kind``.

    Raises:
        AdapterSettingsInvalid: no such kind, two of them, or its libraries are not installed.
    """
    found = {point.value: point for point in entry_points(group=GROUP, name=kind)}
    if not found:
        known = ", ".join(names()) or "none installed"
        raise AdapterSettingsInvalid(f"There is no adapter kind {kind!r}; known: {known}.")
    if len(found) > 1:
        raise AdapterSettingsInvalid(f"Two packages offer an adapter kind {kind!r}.", found=found)
    (point,) = found.values()
    try:
        loaded: type[Adapter] = point.load()
    except ImportError as error:
        raise AdapterSettingsInvalid(
            f"Adapter kind {kind!r} needs a library that is not installed: {error.name}."
        ) from error
    return loaded
