"""Every house rule by its name; exceptions.toml uses the same names."""

from collections.abc import Mapping

from tests.house.rules import errors, reach, repository, shape
from tests.house.source import Rule

RULES: Mapping[str, Rule] = {
    "module-names": shape.module_names,
    "file-size": shape.file_size,
    "function-size": shape.function_size,
    "module-docstrings": shape.module_docstrings,
    "unfinished": shape.unfinished,
    "environment": reach.environment,
    "clock": reach.clock,
    "library-homes": reach.library_homes,
    "sql-text": reach.sql_text,
    "prints": reach.prints,
    "error-codes": errors.error_codes,
    "machine-traces": repository.machine_traces,
    "tests-assert": repository.tests_assert,
    "dependencies": repository.dependencies,
}
