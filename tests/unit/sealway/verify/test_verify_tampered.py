"""Every way to touch a folder is found, under a code of its own, and the verdict is false."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from signing.keys import generate_key
from signing.log.checkpoint import parse_checkpoint, sign_checkpoint
from signing.log.merkle import append_leaf, frontier_root, leaf_hash
from signing.log.note import NoteSigner, note_text
from signing.log.tiles import encode_entries, parse_entries
from tests.unit.sealway.verify.conftest import Edit, Verify

Tamper = Callable[[Any], None]


def _group(connection: Any, shard: int = 1, at_least: int = 1) -> tuple[int, list[bytes]]:
    first, entries = connection.execute(
        "SELECT first_index, entries FROM log_group WHERE shard = ? AND count >= ?"
        " ORDER BY first_index LIMIT 1",
        (shard, at_least),
    ).fetchone()
    return first, list(parse_entries(entries))


def _write(connection: Any, first: int, leaves: list[bytes], shard: int = 1) -> None:
    connection.execute(
        "UPDATE log_group SET entries = ?, count = ? WHERE shard = ? AND first_index = ?",
        (encode_entries(leaves), len(leaves), shard, first),
    )


def _flip(connection: Any, table: str, column: str, where: str) -> None:
    (value,) = connection.execute(f"SELECT {column} FROM {table} WHERE {where}").fetchone()
    middle = len(value) // 2
    altered = value[:middle] + bytes([value[middle] ^ 1]) + value[middle + 1 :]
    connection.execute(f"UPDATE {table} SET {column} = ? WHERE {where}", (altered,))


def one_byte_of_a_leaf(connection: Any) -> None:
    first, leaves = _group(connection)
    leaves[0] = leaves[0].replace(b'"ts":1', b'"ts":2')
    _write(connection, first, leaves)


def a_byte_that_breaks_a_leaf(connection: Any) -> None:
    first, leaves = _group(connection)
    leaves[0] = b"[" + leaves[0][1:]
    _write(connection, first, leaves)


def a_deleted_row(connection: Any) -> None:
    connection.execute("DELETE FROM message WHERE idx = 10")


def a_deleted_record(connection: Any) -> None:
    connection.execute("DELETE FROM record WHERE shard = 0 AND idx = 4")


def a_deleted_refusal(connection: Any) -> None:
    connection.execute("DELETE FROM refusal")


def a_deleted_leaf(connection: Any) -> None:
    first, leaves = _group(connection, at_least=2)
    _write(connection, first, leaves[1:])


def two_swapped_leaves(connection: Any) -> None:
    first, leaves = _group(connection, at_least=2)
    leaves[0], leaves[1] = leaves[1], leaves[0]
    _write(connection, first, leaves)


def two_swapped_rows(connection: Any) -> None:
    connection.execute("UPDATE message SET idx = 13 - idx WHERE idx IN (6, 7)")


def a_truncated_tail(connection: Any) -> None:
    (last,) = connection.execute(
        "SELECT max(first_index) FROM log_group WHERE shard = 1"
    ).fetchone()
    connection.execute("DELETE FROM log_group WHERE shard = 1 AND first_index = ?", (last,))


def a_tail_truncated_with_care(connection: Any) -> None:
    """All that the database holds of log 1 is made to agree; its old note is gone."""
    a_truncated_tail(connection)
    frontier: list[bytes] = []
    size = 0
    for (entries,) in connection.execute(
        "SELECT entries FROM log_group WHERE shard = 1 ORDER BY first_index"
    ).fetchall():
        for leaf in parse_entries(entries):
            append_leaf(frontier, size, leaf_hash(leaf))
            size += 1
    connection.execute("DELETE FROM message WHERE idx >= ?", (size,))
    connection.execute("DELETE FROM refusal WHERE idx >= ?", (size,))
    connection.execute(
        "UPDATE log_shard SET size = ?, root = ?, frontier = ?, note = NULL, note_size = NULL"
        " WHERE shard = 1",
        (size, frontier_root(frontier), b"".join(frontier)),
    )


def a_forged_note(connection: Any) -> None:
    (note,) = connection.execute("SELECT note FROM log_shard WHERE shard = 1").fetchone()
    text = note_text(note)
    forged = text.replace("\n602\n", "\n601\n") + note[len(text) :]
    connection.execute("UPDATE log_shard SET note = ?, note_size = 601 WHERE shard = 1", (forged,))


def a_note_by_another_key(connection: Any) -> None:
    (note,) = connection.execute("SELECT note FROM log_shard WHERE shard = 1").fetchone()
    checkpoint = parse_checkpoint(note_text(note))
    key: Any = generate_key("Ed25519")
    other = sign_checkpoint(checkpoint, NoteSigner(checkpoint.origin, key))
    connection.execute("UPDATE log_shard SET note = ? WHERE shard = 1", (other,))


def another_head(connection: Any) -> None:
    _flip(connection, "log_shard", "root", "shard = 1")


def an_altered_record(connection: Any) -> None:
    _flip(connection, "record", "bytes", "shard = 0 AND idx = 5")


def an_altered_tile(connection: Any) -> None:
    _flip(connection, "log_tile", "hashes", "shard = 1 AND level = 0 AND number = 1")


def a_deleted_tile(connection: Any) -> None:
    connection.execute("DELETE FROM log_tile WHERE shard = 1 AND number = 0")


def an_invented_tile(connection: Any) -> None:
    connection.execute("INSERT INTO log_tile VALUES (1, 1, 0, ?)", (bytes(8192),))


def a_changed_directory_object(connection: Any) -> None:
    (text,) = connection.execute(
        "SELECT object FROM directory_object WHERE noun = 'grant'"
    ).fetchone()
    changed = {**json.loads(text), "purposes": []}
    connection.execute(
        "UPDATE directory_object SET object = ? WHERE noun = 'grant'", (json.dumps(changed),)
    )


def an_invented_directory_object(connection: Any) -> None:
    connection.execute("INSERT INTO directory_object VALUES ('member', 'sx/GOV/9', 11, 3, '{}', 0)")


def another_directory_version(connection: Any) -> None:
    connection.execute("UPDATE directory SET version = version + 1")


def an_altered_envelope(connection: Any) -> None:
    _flip(connection, "message", "envelope", "idx = 20")


def an_exchanged_envelope(connection: Any) -> None:
    connection.execute(
        "UPDATE message SET (envelope, envelope_key, leaf_salt) ="
        " (SELECT envelope, envelope_key, leaf_salt FROM message WHERE idx = 21) WHERE idx = 20"
    )


def altered_content(connection: Any) -> None:
    _flip(connection, "message", "content", "idx = 20")


def another_digest(connection: Any) -> None:
    _flip(connection, "message", "digest", "idx = 20")


def another_leaf_hash(connection: Any) -> None:
    _flip(connection, "message", "leaf_hash", "idx = 20")


def an_invented_row(connection: Any) -> None:
    connection.execute(
        "INSERT INTO message SELECT randomblob(16), sender, digest, shard, 9999, leaf_hash,"
        " leaf_salt, envelope, envelope_key, content, content_key, accepted_at"
        " FROM message WHERE idx = 3"
    )


def a_row_in_a_log_that_is_not_there(connection: Any) -> None:
    connection.execute("UPDATE refusal SET shard = 7")


def a_secret_log(connection: Any) -> None:
    connection.execute(
        "INSERT INTO log_shard SELECT 2, 'sx.example/log/2', owner, epoch, lease_until, state,"
        " size, root, frontier, last_ts, relayed_to, note, note_size FROM log_shard WHERE shard = 1"
    )


def a_missing_log(connection: Any) -> None:
    connection.execute("DELETE FROM log_shard WHERE shard = 1")


def another_bus(connection: Any) -> None:
    connection.execute("UPDATE bus SET bus = 'other.example'")


CASES: dict[Tamper, str] = {
    one_byte_of_a_leaf: "leaf-altered",
    a_byte_that_breaks_a_leaf: "leaf-malformed",
    a_deleted_row: "row-missing",
    a_deleted_record: "row-missing",
    a_deleted_refusal: "row-missing",
    a_deleted_leaf: "log-gap",
    two_swapped_leaves: "leaf-moved",
    two_swapped_rows: "leaf-moved",
    a_truncated_tail: "log-truncated",
    a_tail_truncated_with_care: "log-truncated",
    a_forged_note: "checkpoint-forged",
    a_note_by_another_key: "log-key-other",
    another_head: "head-differs",
    an_altered_record: "record-altered",
    an_altered_tile: "tile-altered",
    a_deleted_tile: "tile-missing",
    an_invented_tile: "tile-unexpected",
    a_changed_directory_object: "directory-object-differs",
    an_invented_directory_object: "directory-object-differs",
    another_directory_version: "directory-version-differs",
    an_altered_envelope: "envelope-unopenable",
    an_exchanged_envelope: "envelope-unopenable",
    altered_content: "content-unopenable",
    another_digest: "story-differs",
    another_leaf_hash: "leaf-altered",
    an_invented_row: "row-without-leaf",
    a_row_in_a_log_that_is_not_there: "row-without-leaf",
    a_secret_log: "log-unlisted",
    a_missing_log: "log-missing",
    another_bus: "bus-differs",
}


@pytest.mark.parametrize("tamper", CASES, ids=lambda tamper: tamper.__name__)
def test_it_is_found_and_named(tamper: Tamper, edit: Edit, verify: Verify) -> None:
    with edit() as connection:
        tamper(connection)
    report = verify()
    assert CASES[tamper] in report.findings.counts, report.findings.listed
    assert report.verdict.exit_code == 1


def test_another_pinned_key_of_the_same_name_is_named(verify: Verify) -> None:
    key: Any = generate_key("Ed25519")
    report = verify(log_key=str(NoteSigner("sx.example/log/0", key).verifier))
    assert report.findings.counts["log-key-other"] == 1
    assert report.verdict.exit_code == 1


def test_another_bus_s_key_is_named(verify: Verify) -> None:
    key: Any = generate_key("Ed25519")
    report = verify(log_key=str(NoteSigner("other.example/log/0", key).verifier))
    assert {"log-missing", "bus-differs"} <= set(report.findings.counts)
    assert report.verdict.exit_code == 1


def test_a_place_leads_to_the_leaf(edit: Edit, verify: Verify) -> None:
    with edit() as connection:
        altered_content(connection)
    (found,) = verify().findings.listed
    assert (found.log, found.index, found.place) == (1, 20, "log 1, index 20")


@pytest.mark.parametrize("name", ["one_byte_of_a_leaf", "a_deleted_row", "a_forged_note"])
def test_no_epoch_key_is_needed_to_find_it(name: str, edit: Edit, verify: Verify) -> None:
    with edit() as connection:
        globals()[name](connection)
    assert verify(keys=False).verdict.exit_code == 1
