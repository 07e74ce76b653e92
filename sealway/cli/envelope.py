"""`sealway envelope`: sign, verify, show. For whoever speaks to the bus with curl."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sealway.cli.session import (
    SECONDS,
    bus_options,
    clock,
    connected_as,
    conversation,
    examples,
    json_option,
    profile_option,
)

if TYPE_CHECKING:
    from sealway.cli.forms import Found
    from sealway.conversation import Conversation
    from sealway.exchange_rules import Delivered
    from sealway.steps import Steps
    from signing.compose import Composed
    from signing.manifest import Manifest

HEADER_BYTES_MAX = 6 * 1024  # what the short form allows in a request


@click.group
def envelope() -> None:
    """Sign, verify and show envelopes, for curl."""


@envelope.command
@click.argument("file", type=click.Path(path_type=Path), metavar="[FILE]", required=False)
@click.option("--to", required=True, metavar="SYSTEM")
@click.option("--service", required=True, metavar="CODE")
@click.option("--purpose", metavar="CODE", help="Why, as the grant names it.")
@click.option("--expires", "expires_s", type=SECONDS, metavar="S", help="Not handed over after it.")
@click.option("--type", "media_type", default="application/json", metavar="TYPE")
@click.option("--test", is_flag=True, help="A test message.")
@click.option("--about", metavar="ID:DIGEST", help="The request that this answers.")
@click.option("--reject", metavar="CODE", help="With --about: answer no, with this reason.")
@click.option("--frame", type=click.Path(path_type=Path), metavar="OUT", help="Write the frame.")
@bus_options
@examples(
    "sealway envelope sign --to sx/GOV/3003/territories --service subdivisions \\",
    "    --purpose statistics q.json > q.headers",
    "curl -s 127.0.0.1:8480/v1/messages -H @q.headers -H 'Prefer: wait=10' \\",
    "    --data-binary @q.json -D a.headers -o a.json",
)
def sign(
    file: Path | None,
    to: str,
    service: str,
    purpose: str | None,
    expires_s: float | None,
    media_type: str,
    test: bool,
    about: str | None,
    reject: str | None,
    frame: Path | None,
    profile_name: str | None,
    as_json: bool,
) -> int:
    """Sign FILE as the one part of a message; print the headers that go with it.

    With --about it is the answer to a request you leased. A rejection needs no FILE; if there is
    one, it is JSON {"text": "..."} for a person to read.
    """
    from dataclasses import replace

    from sealway.cli.forms import read_file
    from sealway.credentials import identity_of
    from sealway.profile import load_profile
    from signing import identifiers as names
    from signing.compose import PartIn, compose
    from signing.manifest import Manifest

    if (file is None and reject is None) or (reject is not None and about is None):
        raise click.UsageError("Give FILE; only a rejection (--about, --reject) goes without.")
    identity, now_ms = identity_of(load_profile(profile_name)), clock().now_ms()
    draft = Manifest(
        bus=identity.bus,
        id=names.new_message_id(now_ms),
        kind="request",
        sender=identity.system,
        to=names.parse_system_id(to),
        service=names.parse_service_code(service),
        created_ms=now_ms,
        expires_ms=None if expires_s is None else now_ms + int(expires_s * 1000),
        purpose=None if purpose is None else names.parse_code(purpose),
        test=test,
        parts=(),
    )
    if about is not None:
        draft = replace(draft, **_answering(about, reject))
    name = "context" if reject else "body"
    parts = [] if file is None else [PartIn(read_file(file), name, media_type)]
    _hand_over(compose(draft, parts, identity.signer), draft.id, media_type, frame, as_json)
    return 0


def _hand_over(
    composed: Composed, message_id: str, media_type: str, frame: Path | None, as_json: bool
) -> None:
    """Write the frame, or print the headers; with `as_json` one document about either."""
    from sealway.cli.output import print_json
    from signing.encoding import b64url_encode

    if frame is not None:
        frame.write_bytes(composed.frame)
        if as_json:
            print_json({"id": message_id, "frame": str(frame), "bytes": len(composed.frame)})
        return
    if len(composed.envelope) > HEADER_BYTES_MAX:
        raise click.UsageError("The envelope is too long for a header; use --frame.")
    headers = {
        "Sealway-Envelope": composed.envelope.decode("ascii"),
        "Sealway-Salt": b64url_encode(composed.parts.salt),
        "Content-Type": media_type,
    }
    if as_json:
        print_json({"id": message_id, "headers": headers})
    else:
        print("\n".join(f"{name}: {value}" for name, value in headers.items()))


def _answering(about: str, reject: str | None) -> dict[str, Any]:
    from signing.encoding import b64url_decode
    from signing.errors import SealwayError
    from signing.identifiers import parse_code, parse_message_id
    from signing.manifest import About, Digest

    message_id, _, digest = about.partition(":")
    try:
        b64url_decode(digest, 32)
    except SealwayError as error:
        raise click.BadParameter(
            f"{about!r} is not ID:DIGEST; 'sealway mailbox lease --json' gives both"
        ) from error
    return {
        "about": About(parse_message_id(message_id), Digest(digest)),
        "kind": "rejection" if reject else "response",
        "reason": parse_code(reject) if reject else None,
    }


@envelope.command
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--headers", type=click.Path(path_type=Path), metavar="FILE", help="From curl -D.")
@json_option
@profile_option
@examples(
    "sealway envelope verify --headers a.headers a.json", "sealway envelope verify a.delivery"
)
def verify(file: Path, headers: Path | None, as_json: bool, profile_name: str | None) -> int:
    """Check the message whose body is FILE: signature, certificate, parts, receipt.

    The signer's certificate and the receipt are fetched from the bus and proven under the
    profile's pinned key. Exit 0: all of it holds; 1: something does not; 2: the signature holds,
    and the bus has no receipt for you.
    """
    from sealway.cli.forms import find_bare, find_message, read_file, read_headers
    from sealway.cli.output import note, print_json, print_object
    from sealway.profile import load_profile

    data = read_file(file)
    found = find_bare(data) if headers is None else find_message(read_headers(headers), data)
    profile = load_profile(profile_name)
    talk = conversation(profile)
    with connected_as(profile) as connection:
        delivered = connection.run(_proven(found, talk))
    if delivered is None:
        note("The signature and the parts hold; the bus has no receipt for you.")
        return 2
    said = _described(delivered)
    (print_json if as_json else print_object)(said)
    return 0


def _proven(found: Found, talk: Conversation) -> Steps[Delivered | None]:
    """The proven message; None when all holds but there is no receipt to be had."""
    from sealway.errors import ProofFailed, Refused
    from signing.message import encode_delivery, encode_frame

    if found.parts is None:
        raise ProofFailed("An envelope without its parts and salt cannot be checked whole.")
    signed = yield from talk.signed(found.envelope, found.parts)
    receipt = found.receipt
    if receipt is None:
        try:
            receipt = yield from talk.receipt_text(signed.manifest.id)
        except Refused:
            return None
    frame = encode_frame(found.envelope, found.parts)
    delivered: Delivered = yield from talk.open(encode_delivery(receipt, frame))
    return delivered


def _described(delivered: Delivered) -> dict[str, Any]:
    from signing.encoding import format_time

    manifest = delivered.envelope.manifest
    return {
        "verdict": "proven",
        **_manifest(manifest),
        "signer": manifest.sender,
        "custody": delivered.custody,
        "digest": delivered.envelope.digest,
        "log": delivered.receipt.log,
        "index": delivered.receipt.index,
        "accepted": format_time(delivered.receipt.leaf.ts_ms),
    }


def _manifest(manifest: Manifest) -> dict[str, Any]:
    members: dict[str, Any] = {
        "kind": manifest.kind,
        "id": manifest.id,
        "from": manifest.sender,
        "to": manifest.to,
        "service": manifest.service,
    }
    if manifest.about is not None:
        members["about"] = manifest.about.id
    if manifest.purpose is not None:
        members["purpose"] = manifest.purpose
    if manifest.reason is not None:
        members["reason"] = manifest.reason
    members["parts"] = [f"{part.name} {part.type} {part.size}" for part in manifest.parts]
    return members


@envelope.command
@click.argument("file", type=click.Path(path_type=Path))
@json_option
@examples("sealway envelope show q.headers", "sealway envelope show a.delivery --json")
def show(file: Path, as_json: bool) -> int:
    """What an envelope says, unverified. FILE: headers, an envelope, a frame, a delivery form."""
    import json

    from sealway.cli.forms import ENVELOPE_HEADER, find_bare, read_file, read_headers
    from sealway.cli.output import clean, note, print_json
    from sealway.errors import SdkError
    from signing.encoding import b64url_decode
    from signing.strict_json import parse_json

    try:
        raw = read_headers(file)[ENVELOPE_HEADER].encode()
    except (SdkError, KeyError):
        raw = find_bare(read_file(file)).envelope
    header, payload, _ = (b64url_decode(piece) for piece in raw.split(b"."))
    said = {
        "header": parse_json(header, depth_max=8, bytes_max=8192),
        "manifest": parse_json(payload, depth_max=8, bytes_max=8192),
    }
    if as_json:
        print_json(said)
    else:
        print(clean(json.dumps(said, indent=2, ensure_ascii=False)))
    note("not verified")
    return 0
