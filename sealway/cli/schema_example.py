"""`sealway schema show`, with `--example`: a payload instead of the schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from sealway.cli.schema_states import newest_path
from sealway.cli.session import bus_options, connected, examples, fetch, key_path
from sealway.errors import SdkError

if TYPE_CHECKING:
    from schemas.formats.port import Source

_KEY: Final = "sha256:0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0"


class NoExample(SdkError):
    """A schema of which no payload can be shown."""

    code = "request-invalid"


@click.command("show")
@click.argument("key")
@click.option("--example", is_flag=True, help="A payload that satisfies it, instead.")
@bus_options
@examples(f"sealway schema show {_KEY} --example", "sealway schema show person-status.response@1")
def show(key: str, example: bool, profile_name: str | None, as_json: bool) -> int:
    """One schema, whole; or a payload that satisfies it.

    KEY is a fingerprint, an id, SUBJECT@VERSION, or SUBJECT for its newest version.

    The payload is the first registered example. Without one it is made up, for a JSON Schema or an
    Avro schema, and checked against it.
    """
    from sealway.cli.output import print_json, print_object

    with connected(profile_name) as bus:
        found = fetch(bus, newest_path(bus, key))
        shown = _example(bus, found) if example else None
    if shown is not None:
        click.echo(shown)
    elif as_json:
        print_json(found)
    else:
        print_object(found)
    return 0


def _example(bus: Any, found: dict[str, Any]) -> str:
    from schemas.showing import example_to_show

    source = source_of(bus, found)
    examples = [str(one) for one in found.get("examples", ())]
    shown = example_to_show(source.format, source.text, examples, source.references)
    if shown is None:
        raise NoExample("No example is registered, and none that was made up satisfies the schema.")
    return shown.text


def source_of(bus: Any, found: dict[str, Any]) -> Source:
    """A schema as the bus shows it, with all that it refers to, fetched once each."""
    return _source(bus, found, {})


def _source(bus: Any, found: dict[str, Any], known: dict[str, Source]) -> Source:
    from schemas.formats.port import Source

    references: dict[str, Source] = {}
    for one in found.get("references", ()):
        fingerprint = one["fingerprint"]
        if fingerprint not in known:
            inner = fetch(bus, f"/v1/schemas/{key_path(fingerprint)}")
            known[fingerprint] = _source(bus, inner, known)
        references[one["name"]] = known[fingerprint]
    return Source(found["fingerprint"], found["format"], found["text"], references)
