"""docs/schemas.md: what is admitted as a schema, made from the tables that the code reads.

`python -m schemas.page > docs/schemas.md`
"""

import sys

from schemas import limits
from schemas.catalogue import FORMATS
from schemas.lint import SENTENCES as LINT
from schemas.reasons import DIALECT_2020_12, DIALECT_DRAFT_07, SENTENCES

_HEAD = f"""# Schemas

Made by `python -m schemas.page > docs/schemas.md`; a test fails when it isn't current.

A schema is registered by `sealway schema add` (`POST /v1/schemas`), or as a change of the noun
`schema` (`POST /v1/changes`, `[[schema]]` in a `network.toml`), and can't change afterwards but for
its state and its examples. The same schema has one id, whoever registers it and in whatever
spelling: a positive integer that is given to nothing else.

| member | is |
|---|---|
| `subject` | what its versions are counted under |
| `format` | one of the table below; left out: `json-schema` (`network.toml` goes by the file's \
ending: `.avsc`, `.xsd`) |
| `text` | the schema, as a text; kept as it was sent |
| `references` | registered schemas that a JSON Schema or an Avro schema refers to: \
`[{{"name", "subject", "version"}}]`. \
`name` is what a `$ref` has before `#`, in Avro the full name of a type that the other schema \
defines; `version` may be left out for the newest. The registry \
writes the fingerprint in their place, so that what is referred to never changes. XSD has none |
| `examples`, `counter_examples` | payloads as texts, at most {limits.EXAMPLES_MAX} of each and \
{limits.EXAMPLES_BYTES_MAX} bytes all told: every example must satisfy the schema and no \
counter-example may. In Avro's JSON encoding for Avro. In a `network.toml`: lists of files |

`sealway schema show FINGERPRINT --example` prints the first registered example, and
`GET /v1/schemas/FINGERPRINT/example` answers it. Where there is none, one is made up for a JSON
Schema or an Avro schema, the same each time, and shown only if it satisfies the schema; the header
`Sealway-Made-Up: ?1` says so. A schema
whose rules only hold together may have none, and of XSD none is made up. `sealway service mock`
answers questions with it.

## Versions

A new version is compared with those in force at the level and the policy of its subject
(docs/compatibility.md). The answer comes at once, with a report and the services and consumers that
the subject's versions touch:

| answer | then |
|---|---|
| yes | it is registered |
| no | `schema-incompatible`: `report` has an instance for each reader that it would break |
| unknown | `schema-undecided`, until a person decides: `sealway schema add … --decide WHY`. The \
record keeps who and why |

`sealway schema add … --dry-run` (`POST /v1/schemas/check`) only asks. All readings of one
registration take 30 s at most; what is left then is unknown. Avro is judged by its own
rules of resolution, whatever the policy. XSD isn't compared: a second
version of these is unknown.

`sealway schema rules SUBJECT --level … --policy …` sets both for a subject, `--bus` for all others.
Each is a record. Under `EVOLVE`, the default, a message whose JSON holds fields that its schema \
doesn't
declare is refused as `payload-undeclared`; under `STRICT` it passes, and fewer changes are \
compatible.

## States

| state | means | goes on to |
|---|---|---|
| `draft` | for people to look at; no service and no active schema may use it | `active`, \
`withdrawn` |
| `active` | may be used | `deprecated`, `retired` |
| `deprecated` | may be used where it is used already; has `deprecated_at`, perhaps `sunset` and \
`successor` | `active`, `retired` |
| `retired` | over for ever; readable by fingerprint and id | |
| `withdrawn` | a draft that was deleted; registering the text again begins anew, with the same \
id | \
`draft`, `active` |

Answers that used a deprecated version have `Deprecation` (RFC 9745), `Sunset` (RFC 8594) and a \
`Link`
to its successor. Nothing retires while a service that isn't withdrawn, or another schema, uses it
(`schema-in-use`). `GET /v1/schemas/KEY/touched` tells who would be touched. Each step is a record.

## Formats

Nothing is ever fetched: not by `$ref`, `$schema`, `xs:import`, entities, or what a payload says
about where its schema lies.

| `format` | is | a part's type |
|---|---|---|
"""

_ABOUT = {
    "json-schema": f"JSON Schema 2020-12 (`{DIALECT_2020_12}`) or draft-07 (`{DIALECT_DRAFT_07}`); "
    "`$schema` says which. Formats are asserted",
    "avro": "Avro; logical types are kept and not asserted. Needs the extra `formats`",
    "xsd": "XSD 1.0, in one document, UTF-8, without document type, keys and substitution groups. "
    "Needs the extra `formats`",
}

_LIMITS = """
A bus without the extra refuses such schemas and says which it needs: `pip install
'sealway[formats]'`.

## Payloads

At most {bytes:,} bytes and {depth} levels, whatever the format; {values:,} values in Avro, as many
elements and attributes in XML. JSON is read strictly (no duplicate keys, no byte-order mark), XML
without document types and in UTF-8 only, Avro's binary encoding to the last byte. In Avro's JSON
encoding every field is there, and a value of a union stands under the name of its branch. Errors
point to places: JSON Pointers, and for XML paths such as `/person/child[2]`; names that the schema
doesn't declare are `*`, and values are never told.

## Why a schema is refused

The sentence comes in `detail` of the problem `request-invalid`. Words in braces are filled in.

| reason | says |
|---|---|
"""


_LINT = """
## What `sealway schema lint FILE` finds

Advice on JSON Schemas: nothing of this refuses one.

| code | says |
|---|---|
"""


def schemas_markdown() -> str:
    """The whole page."""
    formats = "".join(
        f"| `{name}` | {_ABOUT[name]} | {', '.join(f'`{one}`' for one in kind.media_types)} |\n"
        for name, kind in FORMATS.items()
    )
    middle = _LIMITS.format(
        bytes=limits.PAYLOAD_BYTES_MAX,
        depth=limits.PAYLOAD_DEPTH_MAX,
        values=limits.PAYLOAD_VALUES_MAX,
    )
    rows = "".join(
        f"| `{reason.value}` | {_cell(sentence)} |\n" for reason, sentence in SENTENCES.items()
    )
    lines = "".join(f"| `{code.value}` | {_cell(said)} |\n" for code, said in LINT.items())
    return _HEAD + formats + middle + rows + _LINT + lines


def _cell(sentence: str) -> str:
    plain = sentence.replace("{{", "\0").replace("}}", "\1")
    return plain.replace("\0", "{").replace("\1", "}").replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    sys.stdout.write(schemas_markdown())
