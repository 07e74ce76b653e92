"""The commands that our documents show do what the documents say."""

from collections.abc import Iterator

import pytest

from tests.docs.blocks import Block
from tests.docs.documents import DocumentRunner, blocks_by_document

DOCUMENTS = blocks_by_document()


@pytest.fixture(scope="module")
def runner() -> Iterator[DocumentRunner]:
    with DocumentRunner() as started:
        yield started


@pytest.mark.e2e
@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("blocks", DOCUMENTS.values(), ids=list(DOCUMENTS))
def test_every_marked_block_of_the_document_holds(
    blocks: list[Block], runner: DocumentRunner
) -> None:
    failed = [outcome for outcome in runner.run(blocks) if not outcome.held]
    assert not failed, "\n".join(f"{one.block}: {one.why}" for one in failed)
