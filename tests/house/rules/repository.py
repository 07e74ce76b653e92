"""Rules about the repository: traces of a machine, tests that test, libraries that are declared."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import packages_distributions

from tests.house.rules.reach import imported
from tests.house.source import PACKAGES, ROOT, Finding, SourceFile, package_modules

# Written in pieces, so that this file does not hold what it looks for.
_FOLDERS = ("wo" + "rk", "ro" + "ot", "ho" + r"me/\w+", "Us" + r"ers/\w+", "op" + "t/wheels")
MACHINE_PATH = re.compile(r"(?<![\w.~}$-])/(" + "|".join(_FOLDERS) + r")/[\w.]")
REGISTRY_HOST = re.compile(
    r"\b(py" + r"pi\.org|pythonho" + r"sted\.org|npm" + r"js\.org|proxy\.gol" + r"ang\.org"
    r"|repo\d*\.mav" + r"en\.org|deb\.deb" + r"ian\.org|crates" + r"\.io)\b"
)
ASSERTING = ("assert", "check", "expect", "verify", "refuses")

# The dependencies of each package: the base install, and the extra it comes with.
EXTRAS: Mapping[str, str] = {"exchange": "server", "adapters": "agent"}
# Used by name, never imported: uvicorn, SQLAlchemy and aiokafka load them.
LOADED_BY_NAME = {"uvloop", "httptools", "aiosqlite", "cramjam"}
# Released together with another library, and pinned by it.
PART_OF: Mapping[str, str] = {"pydantic-core": "pydantic"}


def machine_traces(files: Sequence[SourceFile]) -> Iterator[Finding]:
    """Nothing in the tree tells where it was written or from where it was installed."""
    checkout = str(ROOT) + "/"
    for file in files:
        for number, line in enumerate(file.text.splitlines(), 1):
            if MACHINE_PATH.search(line) or checkout in line:
                yield Finding(file.path, number, "a path of one machine")
            if REGISTRY_HOST.search(line):
                yield Finding(file.path, number, "a package registry's host")


def _asserts(test: ast.AST) -> bool:
    for node in ast.walk(test):
        if isinstance(node, ast.Assert):
            return True
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func).rsplit(".", 1)[-1].lstrip("_")
            if name in ("raises", "warns") or name.startswith(ASSERTING):
                return True
    return False


def tests_assert(files: Sequence[SourceFile]) -> Iterator[Finding]:
    """A test that cannot fail is no test; a package under tests/ would hide one of ours."""
    for file in files:
        if not (file.is_python and file.path.startswith("tests/")):
            continue
        if file.path.endswith("/__init__.py"):
            yield Finding(file.path, 1, "tests/ holds no packages")
        for node in ast.walk(file.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                if node.name.startswith("test_") and not _asserts(node):
                    yield Finding(f"{file.path}:{node.name}", node.lineno, "asserts nothing")


def _name(requirement: str) -> str:
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert match, requirement
    return match.group().lower().replace("_", "-")


def _declared(files: Sequence[SourceFile]) -> dict[str, set[str]]:
    """Read the distributions each package may import, by package."""
    text = next(file.text for file in files if file.path == "pyproject.toml")
    project = tomllib.loads(text)["project"]
    base = {_name(one) for one in project["dependencies"]}
    extras = project.get("optional-dependencies", {})
    return {package: base | _extra(extras, EXTRAS.get(package, "")) for package in PACKAGES}


def _extra(extras: Mapping[str, list[str]], name: str) -> set[str]:
    """List what an extra brings, the extras it names included."""
    found: set[str] = set()
    for one in extras.get(name, []):
        inner = re.match(r"sealway\[(\w+)\]", one)
        found |= _extra(extras, inner.group(1)) if inner else {_name(one)}
    return found


def _third_party(file: SourceFile, known: Mapping[str, list[str]]) -> Iterator[tuple[int, str]]:
    for line, module in imported(file):
        top = module.split(".", 1)[0]
        if top not in sys.stdlib_module_names and top not in PACKAGES:
            distribution = _name(known.get(top, [top])[0])
            yield line, PART_OF.get(distribution, distribution)


def dependencies(files: Sequence[SourceFile]) -> Iterator[Finding]:
    """What a package imports is what its install brings; what the install brings is used."""
    declared, known = _declared(files), packages_distributions()
    used: set[str] = set()
    for file in package_modules(files):
        for line, distribution in _third_party(file, known):
            used.add(distribution)
            if distribution not in declared[file.package]:
                extra = EXTRAS.get(file.package)
                where = f"the [{extra}] extra" if extra else "the base install"
                yield Finding(file.path, line, f"{distribution} is not in {where}")
    for distribution in sorted(set().union(*declared.values()) - used - LOADED_BY_NAME):
        yield Finding(f"pyproject.toml:{distribution}", 1, "declared and never imported")
