"""Evidence bundles of a bus in this process, and ways to change one from outside."""

from __future__ import annotations

import asyncio
import io
import shutil
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sealway.audit.container import ContainerWriter
from sealway.audit.selection import Selection
from tests.support.recorded_bus import BUS, FOUNDER, RecordedBus, start

Files = dict[str, bytes]


@dataclass(frozen=True)
class Case:
    """Bundles of one recorded bus, and what an auditor has from elsewhere."""

    made: RecordedBus
    folder: Path

    @property
    def anchors(self) -> Path:
        """The anchors file."""
        return self.folder / "anchors.toml"

    def bundle(self, name: str = "full") -> Path:
        """One of the bundles."""
        return self.folder / f"{name}.zip"


def make_case(made: RecordedBus, folder: Path, wanted: dict[str, dict[str, Any]]) -> Case:
    """Start the bus again, export each selection, stop it."""

    async def go() -> None:
        bus = await start(made)
        try:
            for name, members in wanted.items():
                selection = Selection.from_object(members)
                pieces = await bus.api.exports.export(
                    selection, None, None, FOUNDER, "a test", name
                )
                with (folder / f"{name}.zip").open("wb") as file:
                    async for piece in pieces:
                        file.write(piece)
        finally:
            await bus.close()

    asyncio.run(go())
    anchors = f'bus = "{BUS}"\nlog_keys = ["{made.log_key}"]\n'
    (folder / "anchors.toml").write_text(anchors)
    return Case(made, folder)


def unpacked(bundle: Path) -> Files:
    """A bundle's files, by an ordinary tool."""
    with zipfile.ZipFile(bundle) as archive:
        return {info.filename: archive.read(info) for info in archive.infolist()}


def packed(files: Iterable[tuple[str, bytes]]) -> bytes:
    """Files in a container of the right shape, whatever they hold."""
    writer, out = ContainerWriter(), io.BytesIO()
    for name, data in files:
        out.write(writer.add(name, data))
    out.write(writer.finish())
    return out.getvalue()


def changed(bundle: Path, to: Path, change: Callable[[Files], None]) -> Path:
    """A copy of a bundle, some of its files changed, packed again rightly."""
    files = unpacked(bundle)
    change(files)
    to.write_bytes(packed(files.items()))
    return to


def copied(bundle: Path, to: Path) -> Path:
    """A copy as it is."""
    shutil.copyfile(bundle, to)
    return to
