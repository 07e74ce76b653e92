"""Each house rule, shown a snippet that breaks it and one that keeps it."""

import pytest

from tests.house.rules.catalogue import RULES
from tests.house.source import Exemption, Finding, SourceFile, judge, read_exemptions

DOC = '"""What it owns."""\n'
BAD = {
    "module-names": [
        ("signing/utils.py", DOC),
        ("exchange/helpers/names.py", DOC),
        ("registry/manager.py", DOC),
    ],
    "file-size": [("exchange/accept.py", "\n" * 501)],
    "function-size": [("exchange/accept.py", "def accept():\n" + "    x = 1\n" * 70)],
    "module-docstrings": [("signing/keys.py", "KEY = 1\n"), ("signing/keys.py", '"""  """\n')],
    "unfinished": [
        ("signing/keys.py", "# TO" + "DO: sign\n"),
        ("tests/unit/test_keys.py", "raise NotImplemented" + "Error\n"),
    ],
    "environment": [
        ("sealway/client.py", "import os\nHOME = os.environ['HOME']\n"),
        ("exchange/api/app.py", "from os import getenv\n"),
    ],
    "clock": [
        ("signing/keys.py", "import time\nNOW = time.time()\n"),
        ("registry/access.py", "from datetime import datetime\nNOW = datetime.now()\n"),
        ("schemas/catalogue.py", "from time import monotonic\n"),
    ],
    "library-homes": [
        ("exchange/acceptance/accept.py", "from fastapi import Request\n"),
        ("exchange/delivery/relay.py", "import aiokafka.errors\n"),
        ("sealway/client.py", "def ask():\n    import sqlite3\n"),
        ("schemas/formats/references.py", "import urllib.parse, urllib.request\n"),
    ],
    "sql-text": [
        ("exchange/ledger/leaves.py", 'READ = "SELECT leaf FROM message"\n'),
        ("exchange/api/app.py", 'DROP = """\n  DELETE FROM message"""\n'),
    ],
    "prints": [("exchange/operation/serve.py", 'print("ready")\n')],
    "error-codes": [
        ("signing/errors.py", "class Broken(SealwayError):\n    pass\n"),
        ("signing/errors.py", 'class Broken(SealwayError):\n    code = "not_kebab"\n'),
        (
            "signing/errors.py",
            (
                'class One(SealwayError):\n    code = "same"\n'
                'class Two(errors.SealwayError):\n    code: ClassVar[str] = "same"\n'
            ),
        ),
    ],
    "machine-traces": [
        ("README.md", "cd /ro" + "ot/sealway\n"),
        ("docs/install.md", "see https://py" + "pi.org/project\n"),
    ],
    "tests-assert": [
        ("tests/unit/test_keys.py", "def test_signs():\n    sign()\n"),
        ("tests/unit/__init__.py", ""),
    ],
    "dependencies": [("signing/keys.py", "import requests\n")],
}
GOOD = {
    "module-names": ("registry/services.py", DOC),
    "file-size": ("exchange/accept.py", "\n" * 500),
    "function-size": ("exchange/accept.py", "def accept():\n" + "    x = 1\n" * 69),
    "module-docstrings": ("signing/keys.py", DOC),
    "unfinished": ("signing/keys.py", "# what remains to do is nothing\n"),
    "environment": ("exchange/operation/settings/read.py", "import os\nHOME = os.environ\n"),
    "clock": ("exchange/acceptance/accept.py", "import time\nNOW = time.time()\n"),
    "library-homes": ("exchange/storage/sqlite.py", "import sqlite3\n"),
    "sql-text": ("exchange/storage/sqlite.py", 'READ = "SELECT leaf FROM message"\n'),
    "prints": ("sealway/cli/ask.py", 'print("answered")\n'),
    "error-codes": (
        "signing/errors.py",
        (
            'class Branch(SealwayError):\n    code = "one"\n'
            "class Inherits(Branch):\n    pass\n"
            'class Own(Branch):\n    code = "two"\n'
            'class Repeats(Branch):\n    code = "one"\n'
        ),
    ),
    "machine-traces": ("README.md", "cd sealway/work && ls /srv/sealway/homework\n"),
    "tests-assert": (
        "tests/unit/test_keys.py",
        "def test_signs():\n    with pytest.raises(ValueError):\n        sign()\n",
    ),
    "dependencies": ("signing/keys.py", "import hashlib\nimport httpx\nfrom signing import log\n"),
}
PROJECT = SourceFile("pyproject.toml", '[project]\ndependencies = ["httpx>=0.28"]\n')
USES_ALL = SourceFile("sealway/client.py", "import httpx\n")


def findings(rule: str, path: str, text: str) -> list[Finding]:
    surroundings = [PROJECT, USES_ALL] if rule == "dependencies" else []
    return list(RULES[rule]([SourceFile(path, text), *surroundings]))


@pytest.mark.parametrize(
    ("rule", "path", "text"), [(rule, *snippet) for rule, found in BAD.items() for snippet in found]
)
def test_finds_a_snippet_that_breaks_the_rule(rule: str, path: str, text: str) -> None:
    assert len(findings(rule, path, text)) == 1


@pytest.mark.parametrize("rule", RULES)
def test_passes_a_snippet_that_keeps_the_rule(rule: str) -> None:
    assert findings(rule, *GOOD[rule]) == []


def test_every_rule_is_shown_both_ways() -> None:
    assert set(BAD) == set(GOOD) == set(RULES)


def test_finds_a_library_that_is_declared_and_never_imported() -> None:
    unused = list(RULES["dependencies"]([PROJECT]))
    assert [found.at for found in unused] == ["pyproject.toml:httpx"]


def test_an_exception_covers_its_own_place_only() -> None:
    there, elsewhere = Finding("a.py:f", 1, "long"), Finding("b.py:f", 1, "long")
    granted = [Exemption("function-size", "a.py:f", "a table")]
    assert judge("function-size", [there, elsewhere], granted) == ([elsewhere], [])
    assert judge("file-size", [there], granted) == ([there], [])


def test_an_exception_that_is_no_longer_needed_is_reported() -> None:
    granted = [Exemption("function-size", "a.py:f", "a table")]
    assert judge("function-size", [], granted) == ([], granted)


def test_an_exception_needs_a_reason() -> None:
    with pytest.raises(AssertionError, match="reason"):
        read_exemptions('[[exception]]\nrule = "clock"\nat = "a.py"\nreason = " "\n')
