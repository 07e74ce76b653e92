"""The tables as their one description has them: what the migrations must come to."""

from sqlalchemy import BigInteger, Column, MetaData, PrimaryKeyConstraint, Table, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from exchange.storage.postgres.schema import BY_TIME
from exchange.storage.tables import metadata

GROUP_PARTITIONS = 16


def on_sqlite() -> list[str]:
    """Every statement that makes the tables on SQLite."""
    dialect = sqlite.dialect()
    tables = [one for one in metadata.sorted_tables if "only" not in one.info]
    return _statements(tables, dialect)


def on_postgres() -> list[str]:
    """Every statement that makes the tables on PostgreSQL, but for the days' partitions."""
    made = _statements(_tables().sorted_tables, postgresql.dialect())
    made += [
        f"CREATE TABLE log_group_{n} PARTITION OF log_group"
        f" FOR VALUES WITH (MODULUS {GROUP_PARTITIONS}, REMAINDER {n})"
        for n in range(GROUP_PARTITIONS)
    ]
    for table, column in (
        ("message", "envelope"),
        ("message", "content"),
        ("log_group", "entries"),
    ):
        made.append(f"ALTER TABLE {table} ALTER COLUMN {column} SET STORAGE EXTERNAL")
    return ["CREATE SEQUENCE step_n", *made]


def _statements(tables: list[Table], dialect: object) -> list[str]:
    made: list[str] = []
    for table in tables:
        made.append(str(CreateTable(table).compile(dialect=dialect)))
        indexes = sorted(table.indexes, key=lambda one: str(one.name))
        made += [str(CreateIndex(index).compile(dialect=dialect)) for index in indexes]
    return made


def _tables() -> MetaData:
    ours = MetaData()
    for table in metadata.sorted_tables:
        copy = _step(table, ours) if table.name == "step" else table.to_metadata(ours)
        if table.name in BY_TIME:
            copy.dialect_options["postgresql"]["partition_by"] = "RANGE (id)"
        elif table.name == "log_group":
            copy.dialect_options["postgresql"]["partition_by"] = "HASH (shard)"
        elif table.name == "log_shard":  # rewritten by every group: room to do so in its page
            copy.dialect_options["postgresql"]["with"] = {"fillfactor": 20}
        elif table.name == "kept_step":
            copy.columns["n"].type = BigInteger()
    return ours


def _step(table: Table, ours: MetaData) -> Table:
    """A partitioned table's key holds what it is partitioned by."""
    number = Column("n", BigInteger, nullable=False, server_default=text("nextval('step_n')"))
    others = [
        Column(one.name, one.type, nullable=one.nullable, index=one.index)
        for one in table.columns
        if one.name != "n"
    ]
    return Table("step", ours, number, *others, PrimaryKeyConstraint("id", "n"))
