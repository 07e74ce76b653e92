"""`sealway ask` and `sealway send`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sealway.cli.parts import (
    attachments,
    context,
    part_options,
    parts_option,
    save_attachments,
)
from sealway.cli.session import SECONDS, bus_options, client, examples

if TYPE_CHECKING:
    from sealway.answers import Answer, Receipt


def content_of(text: str | None) -> bytes:
    """The body's bytes: the argument itself, `@FILE`, or standard input for `-` or nothing.

    Raises:
        click.BadParameter: the file cannot be read, or nothing is given on a terminal.
    """
    if text is not None and text.startswith("@"):
        try:
            return Path(text[1:]).read_bytes()
        except OSError as error:
            raise click.BadParameter(f"{text[1:]}: {error.strerror}") from error
    if text is not None and text != "-":
        return text.encode()
    if sys.stdin.isatty():
        raise click.BadParameter("give the body as an argument, as @FILE, or on standard input")
    return sys.stdin.buffer.read()


def receipt_json(receipt: Receipt) -> dict[str, Any]:
    """A receipt for `--json`."""
    return {"log": receipt.log, "index": receipt.index, "text": receipt.text}


def answer_json(answer: Answer) -> dict[str, Any]:
    """An answer for `--json`: `json` when it is JSON, else `body` in base64url."""
    from signing.encoding import b64url_encode

    said: dict[str, Any] = {
        "id": answer.exchange.id,
        "answer": answer.id,
        "signer": answer.signer,
        "custody": answer.custody,
        "type": answer.type,
        "receipt": receipt_json(answer.receipt),
    }
    if answer.type == "application/json":
        said["json"] = answer.json
    else:
        said["body"] = b64url_encode(answer.body)
    if answer.attachments:
        said["attachments"] = [
            {"name": one.name, "type": one.type, "size": len(one.body)}
            for one in answer.attachments
        ]
    if answer.context is not None:
        said["context"] = answer.context
    return said


def show_answer(answer: Answer, as_json: bool) -> None:
    """An answer for people: its content, and beside it who vouches for it."""
    from sealway.cli.output import note, print_content, print_json

    if as_json:
        print_json(answer_json(answer))
        return
    print_content(answer.body, answer.type)
    hosted = " (key held by the bus)" if answer.custody == "bus" else ""
    note(
        f"verified: signed by {answer.signer}{hosted}, "
        f"{answer.receipt.log} #{answer.receipt.index}, exchange {answer.exchange.id}"
    )
    if answer.attachments:
        named = ", ".join(f"{one.name} ({one.type})" for one in answer.attachments)
        note(f"attached: {named}; --parts FOLDER writes them")


@click.command
@click.argument("system")
@click.argument("service")
@click.argument("body", required=False)
@click.option("--purpose", metavar="CODE", help="Why, as the grant names it.")
@click.option("--timeout", "timeout_s", type=SECONDS, default=20.0, metavar="S", show_default=True)
@click.option("--type", "media_type", default="application/json", metavar="TYPE")
@click.option("--test", is_flag=True, help="A test message; grant and service must allow it.")
@part_options
@parts_option
@bus_options
@examples(
    "sealway ask sx/GOV/3003/territories subdivisions \\",
    '    --purpose statistics \'{"country":"FI"}\'',
    "sealway ask sx/GOV/2002/civil-registry person-status --purpose child-benefit @q.json",
    "sealway ask sx/GOV/2002/civil-registry name-change @q.json --attach form=form.pdf \\",
    '    --context \'{"case":"7/2026"}\' --parts answer/',
)
def ask(
    system: str,
    service: str,
    body: str | None,
    purpose: str | None,
    timeout_s: float,
    media_type: str,
    test: bool,
    attached: tuple[str, ...],
    context_text: str | None,
    folder: Path | None,
    profile_name: str | None,
    as_json: bool,
) -> int:
    """Ask SERVICE of SYSTEM and print the answer once it is verified.

    BODY is the request, usually JSON: the text itself, @FILE, or - for standard input.
    """
    content, beside = content_of(body), attachments(attached)
    with client(profile_name) as bus:
        answer = bus.ask(
            system,
            service,
            content,
            purpose,
            timeout_s,
            media_type=media_type,
            test=test,
            attachments=beside,
            context=context(context_text),
        )
        show_answer(answer, as_json)
        save_attachments(answer, folder)
    return 0


@click.command
@click.argument("system")
@click.argument("service")
@click.argument("body", required=False)
@click.option("--purpose", metavar="CODE", help="Why, as the grant names it.")
@click.option("--expires", "expires_s", type=SECONDS, metavar="S", help="Not handed over after it.")
@click.option("--type", "media_type", default="application/json", metavar="TYPE")
@click.option("--test", is_flag=True, help="A test message; grant and service must allow it.")
@part_options
@bus_options
@examples(
    "id=$(sealway send sx/GOV/4004/statistics population '{\"year\":2025}')",
    "sealway message answer $id --wait 30",
)
def send(
    system: str,
    service: str,
    body: str | None,
    purpose: str | None,
    expires_s: float | None,
    media_type: str,
    test: bool,
    attached: tuple[str, ...],
    context_text: str | None,
    profile_name: str | None,
    as_json: bool,
) -> int:
    """Send a request, print its id, and leave the answer for later.

    The message's receipt is verified before the id is printed.
    """
    from sealway.cli.output import note, print_json

    content, beside = content_of(body), attachments(attached)
    with client(profile_name) as bus:
        exchange = bus.send(
            system,
            service,
            content,
            purpose,
            expires_s=expires_s,
            media_type=media_type,
            test=test,
            attachments=beside,
            context=context(context_text),
        )
        receipt = exchange.receipt
    if as_json:
        print_json({"id": exchange.id, "receipt": receipt_json(receipt)})
    else:
        print(exchange.id)
        note(f"verified: accepted, {receipt.log} #{receipt.index}")
    return 0
