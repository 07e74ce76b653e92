"""Run the blocks of the repository's documents, each document in a folder of its own."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.docs.blocks import Block, find_blocks
from tests.docs.demo_bus import DemoBus, demo_bus
from tests.docs.execution import Outcome, Surroundings, run_block
from tests.house.source import ROOT


def blocks_by_document(root: Path = ROOT) -> dict[str, list[Block]]:
    """Read the marked blocks of the top-level documents and of docs/, those without any left out.

    Raises:
        BlockUnreadable: a marker that cannot be followed.
    """
    paths = [*sorted(root.glob("*.md")), *sorted(root.glob("docs/**/*.md"))]
    found = {}
    for path in paths:
        name = path.relative_to(root).as_posix()
        if blocks := list(find_blocks(name, path.read_text(encoding="utf-8"))):
            found[name] = blocks
    return found


class DocumentRunner(AbstractContextManager["DocumentRunner"]):
    """Runs documents; starts the demo's bus when the first block needs it, ends it on exit."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._top = Path(self._stack.enter_context(TemporaryDirectory(prefix="sealway-docs-")))
        self._bus: DemoBus | None = None

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def run(self, blocks: Sequence[Block]) -> Iterator[Outcome]:
        """Run the blocks of one document in order, in one folder."""
        folder = self._top / f"{blocks[0].document.replace('/', '-')}.d"
        folder.mkdir()
        (folder / "examples").symlink_to(ROOT / "examples")
        for block in blocks:
            yield run_block(block, self._surroundings(block, folder))

    def _surroundings(self, block: Block, folder: Path) -> Surroundings:
        if block.place == "checkout":
            return Surroundings(ROOT, {})
        if block.place == "alone":
            return Surroundings(folder, {})
        bus = self._demo_bus()
        home = bus.folder / ".sealway"
        link = folder / ".sealway"
        if not link.exists():
            link.symlink_to(home)
        return Surroundings(folder, {"SEALWAY_HOME": str(home)}, bus.address)

    def _demo_bus(self) -> DemoBus:
        if self._bus is None:
            folder = self._top / "bus"
            folder.mkdir()
            self._bus = self._stack.enter_context(demo_bus(folder))
        return self._bus
