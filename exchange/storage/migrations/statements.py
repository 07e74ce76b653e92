"""Carrying out a revision's statements, on the engine that is being migrated."""

from alembic import op


def execute(*, postgres: str, sqlite: str) -> None:
    """Carry out this engine's statements, separated by semicolons, in their order."""
    connection = op.get_bind()
    statements = {"postgresql": postgres, "sqlite": sqlite}[connection.dialect.name]
    for statement in filter(None, map(str.strip, statements.split(";"))):
        connection.exec_driver_sql(statement)
