"""A bundle's files, read in order, each once, and held against the inventory.

One file is in memory at a time. At the end every file that nobody asked for is a finding: a bundle
holds what was asked for and no more.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from sealway.audit.container import Container
from sealway.audit.errors import BundleRefused
from sealway.audit.inventory import Inventory
from sealway.audit.layout import (
    INVENTORY,
    Act,
    Shown,
    acts_name,
    leaves_name,
    parse_acts,
    parse_leaves,
)
from sealway.verify.findings import Code, Findings

Row = tuple[int, Shown, Act | None]
"""Index, leaf, and its act when the bundle has it."""


@dataclass(frozen=True, slots=True)
class _Line:
    size: int
    sha256: str


class BundleFiles:
    """The files of one bundle."""

    def __init__(self, container: Container, inventory: Inventory, findings: Findings) -> None:
        self._container = container
        self._findings = findings
        self._lines = {one.name: _Line(one.size, one.sha256) for one in inventory.files}
        self._read = {INVENTORY}
        if len(self._lines) != len(inventory.files):
            text = "The inventory names a file twice."
            findings.add(Code.BUNDLE_FILE_DIFFERS, text)

    def __contains__(self, name: str) -> bool:
        return name in self._container

    def read(self, name: str) -> bytes:
        """The contents of a file. Raises BundleRefused."""
        data = self._container.read(name)
        self._read.add(name)
        line = _Line(len(data), hashlib.sha256(data).hexdigest())
        if self._lines.get(name) != line:
            text = f"{name} is not the file that the inventory names."
            self._findings.add(Code.BUNDLE_FILE_DIFFERS, text)
        return data

    def rows(self, n: int, first: int, end: int) -> Iterator[Row]:
        """The leaves ``first`` to ``end`` (exclusive) with their acts. Raises BundleRefused."""
        at = first
        while at < end:
            acts = self._acts(n, at)
            start = at
            for shown in parse_leaves(self.read(leaves_name(n, at))):
                if at == end:
                    raise BundleRefused(f"{leaves_name(n, start)} goes beyond the range.")
                yield at, shown, acts.pop(at, None)
                at += 1
            if at == start:
                raise BundleRefused(f"{leaves_name(n, start)} holds no leaf.")
            for index in acts:
                text = "The bundle holds an act for a leaf that is not in its file."
                self._findings.add(Code.ACT_UNEXPECTED, text, n, index)

    def _acts(self, n: int, first: int) -> dict[int, Act]:
        name = acts_name(n, first)
        return {act.index: act for act in parse_acts(self.read(name))} if name in self else {}

    def end(self) -> None:
        """What was never read is more than was asked for; what is missing was taken out."""
        for name in self._container.names():
            if name not in self._read:
                text = f"{name} is more than was asked for."
                self._findings.add(Code.BUNDLE_FILE_UNEXPECTED, text)
        for name in self._lines.keys() - set(self._container.names()):
            text = f"{name}, which the inventory names, is not there."
            self._findings.add(Code.BUNDLE_FILE_DIFFERS, text)
