"""Which tiles a tree has and what their paths are, where tile arithmetic breaks."""

import pytest

from signing.log.merkle import append_leaf, frontier_root, leaf_hash
from signing.log.tiles import TILE_WIDTH, TilePlace, node_in_tile, parse_tile_place, tiles_of
from tests.support.tiled_log import tiles_of_hashes

SIZES = [1, 255, 256, 257, 65_535, 65_536, 65_537, 70_000]

LAST = {  # level: (number of tiles, width of the last)
    1: [(1, 1)],
    255: [(1, 255)],
    256: [(1, 256), (1, 1)],
    257: [(2, 1), (1, 1)],
    65_535: [(256, 255), (1, 255)],
    65_536: [(256, 256), (1, 256), (1, 1)],
    65_537: [(257, 1), (1, 256), (1, 1)],
    70_000: [(274, 112), (2, 17), (1, 1)],
}


@pytest.mark.parametrize("size", SIZES)
def test_a_tree_has_these_tiles_and_no_empty_one(size: int) -> None:
    levels: dict[int, list[TilePlace]] = {}
    for place in tiles_of(size):
        levels.setdefault(place.level, []).append(place)
    assert [(len(row), row[-1].width) for row in levels.values()] == LAST[size]
    for row in levels.values():
        assert [place.number for place in row] == list(range(len(row)))
        assert all(place.is_full for place in row[:-1])
        assert all(place.tree_size <= size for place in row)


@pytest.mark.parametrize("size", SIZES)
def test_the_tiles_by_the_definition_have_our_paths_and_give_the_root(size: int) -> None:
    hashes = [leaf_hash(b"%d" % number) for number in range(size)]
    tiles = tiles_of_hashes(hashes)
    assert [place.path for place in tiles_of(size)] == list(tiles)
    frontier: list[bytes] = []
    for at, hash_ in enumerate(hashes):
        append_leaf(frontier, at, hash_)
    tops: list[bytes] = []
    for place in sorted(tiles_of(size), key=lambda one: -one.level):
        if not place.is_full:  # the partial tiles, widest first, are the right edge
            tops += _edge(tiles[place.path], place.width)
    assert frontier_root(tops) == frontier_root(frontier)


def _edge(tile: bytes, width: int) -> list[bytes]:
    """The roots of the largest full subtrees in a partial tile."""
    found, first = [], 0
    for bit in (128, 64, 32, 16, 8, 4, 2, 1):
        if width & bit:
            found.append(node_in_tile(tile, first, bit))
            first += bit
    return found


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("000", TilePlace(0, 0)),
        ("x001/x234/067", TilePlace(0, 1_234_067)),
        ("x001/000.p/1", TilePlace(0, 1000, 1)),
        ("999.p/255", TilePlace(0, 999, 255)),
    ],
)
def test_a_path_is_read_and_written_the_same(number: str, expected: TilePlace) -> None:
    assert parse_tile_place("0", number) == expected
    assert expected.path == f"tile/0/{number}"
    assert expected.entries_path == f"tile/entries/{number}"


@pytest.mark.parametrize(
    ("level", "number"),
    [
        ("00", "000"),
        ("64", "000"),
        ("-1", "000"),
        ("\u0660", "000"),
        ("0", "0"),
        ("0", "1234"),
        ("0", "001/234"),
        ("0", "x000/001"),
        ("0", "x001"),
        ("0", "X001/000"),
        ("0", "000.p/0"),
        ("0", "000.p/01"),
        ("0", "000.p/256"),
        ("0", "000.p/"),
        ("0", "000.p"),
        ("0", "000/"),
        ("0", "../000"),
        ("0", "\u0660" * 3),
        ("0", "000\n"),
        ("0", "x001/" * 6 + "000"),
    ],
)
def test_a_path_of_another_spelling_is_no_tile(level: str, number: str) -> None:
    assert parse_tile_place(level, number) is None


def test_a_tile_of_a_high_level_needs_a_tree_beyond_all() -> None:
    assert TilePlace(63, 0, 1).tree_size == 256**63
    assert TilePlace(1, 0).tree_size == TILE_WIDTH**2
