"""`sealway schema lint`: what a schema leaves unsaid; without a bus."""

from __future__ import annotations

from pathlib import Path

import click

from sealway.cli.session import examples, json_option


@click.command("lint")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@json_option
@examples("sealway schema lint person.json", "sealway schema lint person.json --json")
def lint(file: Path, as_json: bool) -> int:
    """What FILE, a JSON Schema that refers to no other, leaves unsaid; each place with a code.

    Exit 0: nothing; 1: something; 3: FILE is not admitted as a schema at all.
    """
    from schemas.catalogue import admit
    from schemas.lint import lint as linted
    from sealway.cli.output import print_json

    text = file.read_bytes().decode("utf-8", "surrogateescape")
    admit("json-schema", text)
    findings = linted(text)
    if as_json:
        print_json(
            [{"code": one.code, "pointer": one.pointer, "message": one.message} for one in findings]
        )
    else:
        for one in findings:
            click.echo(f"{one.pointer or '(the whole)'}: {one.code}. {one.message}")
    return 1 if findings else 0
