"""Rules about what a module may reach: the environment, the clock, a library, SQL, the terminal."""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence

from tests.house.source import PURE, Finding, SourceFile, package_modules

ENVIRONMENT_HOMES = ("exchange/operation/settings", "sealway/profile")
ENVIRONMENT = {"os.environ", "os.environb", "os.getenv", "os.getenvb", "os.putenv"}

CLOCKS = {
    "time.time", "time.time_ns", "time.monotonic", "time.monotonic_ns", "time.perf_counter",
    "time.perf_counter_ns", "datetime.now", "datetime.utcnow", "datetime.today", "date.today",
    "datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today",
    "datetime.date.today",
}  # fmt: skip

DATABASE_HOMES = ("exchange/storage", "adapters/sql")
LIBRARY_HOMES: Mapping[str, tuple[str, ...]] = {
    "fastapi": ("exchange/api", "exchange/console"),
    "starlette": ("exchange/api", "exchange/console"),
    "aiokafka": ("exchange/bus",),
    "aiohttp": ("adapters/egress", "adapters/agent"),
    "urllib.request": ("adapters/egress",),
    "sqlalchemy": DATABASE_HOMES,
    "aiosqlite": DATABASE_HOMES,
    # The offline verifier copies and reads a bus's database with no part of the server.
    "asyncpg": (*DATABASE_HOMES, "sealway/verify"),
    "sqlite3": (*DATABASE_HOMES, "sealway/verify"),
    "httpx": ("sealway",),
    "structlog": ("exchange", "adapters"),
    "opentelemetry": ("exchange/operation/tracing",),
    "httptools": ("exchange/api", "adapters/egress"),
    "uvicorn": ("exchange/api", "exchange/operation", "adapters/agent"),
    "click": ("sealway/cli", "exchange/operation", "adapters/agent"),
    "typer": ("sealway/cli", "exchange/operation"),
    "rich": ("sealway/cli", "exchange/operation"),
}

SQL_HOMES = (*DATABASE_HOMES, "sealway/verify", "sealway/inbox")
SQL = re.compile(
    r"\s*(SELECT\s.+\sFROM\s|INSERT\s+(OR\s+\w+\s+)?INTO\s|UPDATE\s+\w+\s+SET\s|DELETE\s+FROM\s"
    r"|CREATE\s+(TABLE|INDEX|UNIQUE|TRIGGER)|ALTER\s+TABLE|DROP\s+TABLE|PRAGMA\s|BEGIN\s+IMMEDIATE"
    r"|WITH\s+\w+\s+AS\s*\()",
    re.DOTALL,
)
PRINT_HOMES = ("sealway/cli",)


def _dotted(node: ast.AST) -> str:
    """Write an attribute chain as it stands in the source; "" when it is not one."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join(reversed([*parts, node.id]))


def _uses(file: SourceFile, names: set[str]) -> Iterator[tuple[int, str]]:
    """Find each use of a dotted name, and each `from x import y` that would hide one."""
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Attribute) and _dotted(node) in names:
            yield node.lineno, _dotted(node)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                if f"{node.module}.{alias.name}" in names:
                    yield node.lineno, f"{node.module}.{alias.name}"


def imported(file: SourceFile) -> Iterator[tuple[int, str]]:
    """List the modules that a file imports by their full name, wherever it does so."""
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.lineno, node.module


def environment(files: Sequence[SourceFile]) -> Iterator[Finding]:
    """The environment is read in one place a process."""
    for file in package_modules(files):
        if not file.is_in(*ENVIRONMENT_HOMES):
            for line, name in _uses(file, ENVIRONMENT):
                yield Finding(file.path, line, f"{name} outside {', '.join(ENVIRONMENT_HOMES)}")


def clock(files: Sequence[SourceFile]) -> Iterator[Finding]:
    """In pure packages time is an argument."""
    for file in package_modules(files):
        if file.package in PURE:
            for line, name in _uses(file, CLOCKS):
                yield Finding(file.path, line, f"{name} in a pure package")


def library_homes(files: Sequence[SourceFile]) -> Iterator[Finding]:
    """An implementation lives where its library lives."""
    for file in package_modules(files):
        for line, module in imported(file):
            homes = LIBRARY_HOMES.get(module, LIBRARY_HOMES.get(module.split(".", 1)[0]))
            if homes is not None and not file.is_in(*homes):
                yield Finding(file.path, line, f"{module} outside {', '.join(homes)}")


def sql_text(files: Sequence[SourceFile]) -> Iterator[Finding]:
    """SQL is written where its tables are known."""
    for file in package_modules(files):
        if file.is_in(*SQL_HOMES):
            continue
        for node in ast.walk(file.tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                if SQL.match(node.value):
                    yield Finding(file.path, node.lineno, f"SQL outside {', '.join(SQL_HOMES)}")


def prints(files: Sequence[SourceFile]) -> Iterator[Finding]:
    """Only the command line speaks to a terminal."""
    for file in package_modules(files):
        if file.is_in(*PRINT_HOMES):
            continue
        for node in ast.walk(file.tree):
            if isinstance(node, ast.Call) and _dotted(node.func) == "print":
                yield Finding(file.path, node.lineno, f"print outside {', '.join(PRINT_HOMES)}")
