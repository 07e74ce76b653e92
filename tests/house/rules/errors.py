"""The rule about the error tree: each class has a code, and a code names one condition."""

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.house.source import Finding, SourceFile, package_modules

ERROR_ROOT = "SealwayError"
ERROR_PACKAGES = ("signing", "schemas", "registry", "exchange", "adapters")
CODE = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


@dataclass(frozen=True)
class _ErrorClass:
    path: str
    line: int
    name: str
    bases: tuple[str, ...]
    code: str | None


def _own_code(node: ast.ClassDef) -> str | None:
    """Return the code that the class body sets, None when it sets none."""
    for item in node.body:
        if isinstance(item, ast.Assign):
            targets = item.targets
        elif isinstance(item, ast.AnnAssign):
            targets = [item.target]
        else:
            continue
        named = any(isinstance(target, ast.Name) and target.id == "code" for target in targets)
        if named and isinstance(item.value, ast.Constant):
            return str(item.value.value)
    return None


def _classes(files: Sequence[SourceFile]) -> Iterator[_ErrorClass]:
    for file in package_modules(files):
        if file.package not in ERROR_PACKAGES:
            continue
        for node in ast.walk(file.tree):
            if isinstance(node, ast.ClassDef):
                bases = tuple(ast.unparse(base).split(".")[-1] for base in node.bases)
                yield _ErrorClass(file.path, node.lineno, node.name, bases, _own_code(node))


def _errors(files: Sequence[SourceFile]) -> list[_ErrorClass]:
    """Keep the classes that descend from the root, by name and transitively."""
    classes, family = list(_classes(files)), {ERROR_ROOT}
    while True:
        grown = family | {one.name for one in classes if family.intersection(one.bases)}
        if grown == family:
            return [one for one in classes if one.name in family - {ERROR_ROOT}]
        family = grown


def _lineage(one: _ErrorClass, family: dict[str, _ErrorClass]) -> list[_ErrorClass]:
    """List the class and its ancestors below the root, nearest first."""
    line = [one]
    for base in one.bases:
        if base in family and family[base] not in line:
            line += [up for up in _lineage(family[base], family) if up not in line]
    return line


def _folder(path: str) -> str:
    """Name the package, or the layer of the service, that a file belongs to."""
    return "/".join(path.split("/")[:-1][:2])


def error_codes(files: Sequence[SourceFile]) -> Iterator[Finding]:
    """Every error that can be raised has a code, and within a folder a code names one condition.

    A class may share the code of its ancestor: to the outside it is the same condition. Two
    packages, or two layers of the service, may use one code: the caller's remedy is the same.
    """
    errors = _errors(files)
    family = {one.name: one for one in errors}
    branches = {base for one in errors for base in one.bases}
    owners: dict[tuple[str, str], str] = {}
    for one in errors:
        at, line = f"{one.path}:{one.name}", _lineage(one, family)
        if one.name not in branches and not any(up.code for up in line):
            yield Finding(at, one.line, "no code, neither its own nor an ancestor's")
        if not one.code or any(up.code == one.code for up in line[1:]):
            continue
        if not CODE.fullmatch(one.code):
            yield Finding(at, one.line, f"code '{one.code}' is not kebab-case")
        owner = owners.setdefault((_folder(one.path), one.code), one.name)
        if owner != one.name:
            yield Finding(at, one.line, f"code '{one.code}' belongs to {owner}")
