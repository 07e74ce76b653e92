"""docs/compatibility.md, made from the table of changes and the verdicts that are given for it.

`python -m tests.support.compatibility_page > docs/compatibility.md` makes it again; a test fails
when it isn't current.
"""

from functools import cache
from typing import Any

from schemas.compatibility.check import check
from schemas.compatibility.judge import judge
from schemas.compatibility.levels import Level, Policy
from tests.support.schema_changes import rows

_LEVELS = (Level.BACKWARD, Level.FORWARD, Level.FULL)
_HEAD = """\
# What may follow what

Made by `python -m tests.support.compatibility_page` from the table that the tests use; each verdict
below is the one that the check gives.

A version of a JSON Schema is *compatible* with an earlier one at a level, under a policy:

| level | what must hold |
|---|---|
| `NONE` | nothing |
| `BACKWARD` | the new version takes what the latest one's writers send |
| `FORWARD` | the latest version takes what the new one's writers send |
| `FULL` | both |
| `…_TRANSITIVE` | the same against every earlier version, not only the latest |

| policy | who writes |
|---|---|
| `STRICT` | anybody: whatever a version admits may be sent |
| `EVOLVE` | systems whose payloads hold only fields that their version declares |

Under `EVOLVE` an undeclared field can't be on its way, so a later version may declare it. The bus
makes that true: it refuses such a message as `payload-undeclared`. An object that declares no \
fields, and a map (`additionalProperties` with a
schema), may hold any. The reader is taken as written under both policies: one that is closed
(`additionalProperties: false`) refuses a new field, and the answer says so.

Three answers: **yes** – no instance breaks a reader, by a proof; **no** – with an instance that
one version takes and the other refuses, checked with the validators; **unknown** – neither was
found, or not within 10 s and 1 GiB. An unknown never counts as a yes.

Ask for your own files with `sealway schema check NEW.json --against OLD.json`, without any bus.
Registering asks the same, about the versions in force: active and deprecated ones \
(docs/schemas.md).
Defaults: `FULL_TRANSITIVE`, `EVOLVE`; `sealway schema rules` sets others for a subject or the \
bus. What is compared is JSON Schema 2020-12, and draft-07 read as
such; Avro goes by its own rules of resolution, whatever the policy, and XSD is unknown.

## Change × level × policy

`…_TRANSITIVE` gives the same with one earlier version. Fields are of an open object unless it says
closed.

"""


@cache
def verdicts() -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Each change with its answers: three levels STRICT, three levels EVOLVE."""
    return tuple((words, _answers(old, new)) for words, old, new in rows())


def _answers(old: Any, new: Any) -> tuple[str, ...]:
    return tuple(
        check(new, [old], level, policy, judge).answer.value
        for policy in (Policy.STRICT, Policy.EVOLVE)
        for level in _LEVELS
    )


def page() -> str:
    """The whole page."""
    lines = [
        "| change | " + " | ".join(
            f"{policy} {level.value}" for policy in ("STRICT", "EVOLVE") for level in _LEVELS
        ) + " |",
        "|---|" + "---|" * 6,
    ]  # fmt: skip
    lines += [f"| {words} | {' | '.join(answers)} |" for words, answers in verdicts()]
    return _HEAD + "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(page(), end="")
