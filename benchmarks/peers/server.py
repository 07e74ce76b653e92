"""What the peers' servers have in common: found, started with a settings file, waited for."""

import importlib.util
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

REQUIREMENTS: Final = "benchmarks/peers/requirements.txt"


class PeerMissing(Exception):
    """A peer can't be had here; the text says what would bring it."""


def found(program: str, package: str, libraries: Sequence[str]) -> str:
    """The path of a peer's server, if its Python libraries are here too. Raises PeerMissing."""
    path = shutil.which(program, path="/usr/lib/rabbitmq/bin:/usr/sbin:/usr/bin:/usr/local/bin")
    if path is None:
        raise PeerMissing(f"no {program} (Debian: apt-get install {package})")
    for library in libraries:
        if importlib.util.find_spec(library) is None:
            raise PeerMissing(f"no Python package {library} (pip install -r {REQUIREMENTS})")
    return path


def settings_text(file: str, **values: object) -> str:
    """A peer's settings, as they stand beside this module, with this run's places in them."""
    text = (Path(__file__).parent / file).read_text("utf-8")
    for name, value in values.items():
        text = text.replace(f"@{name}@", str(value))
    return text
