"""The forms in which a message lies in files: headers of curl, frames, deliveries, problems.

Owns telling them apart. Nothing read here is verified.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sealway.errors import SdkError
from sealway.exchange_rules import decode_json
from signing.encoding import b64url_decode
from signing.errors import SealwayError
from signing.message import DELIVERY_TYPE, FRAME_TYPE, Parts, parse_delivery, parse_frame

ENVELOPE_HEADER: Final = "sealway-envelope"
SALT_HEADER: Final = "sealway-salt"
FILE_BYTES_MAX: Final = 64 * 1024 * 1024
_JWS = re.compile(rb"\s*[\w-]+\.[\w-]+\.[\w-]+\s*")


class FormUnknown(SdkError):
    """A file that holds no message in any form we know; `detail` says what was looked for."""

    code = "request-invalid"


class FileUnusable(SdkError):
    """A file or folder that can't be read or written; `detail` names it and says why."""

    code = "request-invalid"


@dataclass(frozen=True, slots=True)
class Found:
    """A message as it was found: its envelope, its parts, and its receipt if it came along."""

    envelope: bytes
    parts: Parts | None = None
    receipt: str | None = None


def read_file(path: Path) -> bytes:
    """A file's bytes; `-` is standard input. Raises FormUnknown."""
    try:
        with open(0 if str(path) == "-" else path, "rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise FormUnknown(f"{path}: {error.strerror}.") from error
    if len(data) > FILE_BYTES_MAX:
        raise FormUnknown(f"{path} is longer than any message.")
    return data


def read_headers(path: Path) -> dict[str, str]:
    """The last block of header lines in a file, as `curl -D` writes it; names in lower case.

    Raises:
        FormUnknown: not header lines.
    """
    text = read_file(path).decode("latin-1").replace("\r\n", "\n").strip("\n")
    block = text.split("\n\n")[-1].split("\n")
    lines = [line for line in block if not line.startswith("HTTP/")]
    pairs = [line.partition(":") for line in lines if line]
    if not pairs or not all(colon for _, colon, _ in pairs):
        raise FormUnknown(f"{path} does not hold header lines.")
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def find_message(headers: dict[str, str], body: bytes) -> Found:
    """The message in a reply of the bus, or in what was sent to it.

    Raises:
        FormUnknown: none of the forms.
    """
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        if media_type == DELIVERY_TYPE:
            return _delivery(body)
        if media_type == FRAME_TYPE:
            return Found(*parse_frame(body))
        if media_type == "application/problem+json":
            return _rejected(decode_json(body))
        if ENVELOPE_HEADER in headers and SALT_HEADER in headers:
            salt = b64url_decode(headers[SALT_HEADER], 32)
            parts = Parts(salt, (body,) if body else ())
            return Found(headers[ENVELOPE_HEADER].encode(), parts)
    except SealwayError as error:
        raise FormUnknown(f"The message is malformed: {error.detail}") from error
    raise FormUnknown(
        "There is no message: neither Sealway-Envelope and Sealway-Salt among the headers, "
        f"nor the type {FRAME_TYPE} or {DELIVERY_TYPE}."
    )


def find_bare(data: bytes) -> Found:
    """The message in a file that comes without headers: an envelope, a frame, a delivery form.

    Raises:
        FormUnknown: none of these.
    """
    if _JWS.fullmatch(data):
        return Found(data.strip())
    for read in (_delivery, lambda found: Found(*parse_frame(found))):
        try:
            return read(data)
        except SealwayError:
            continue
    raise FormUnknown("The file is neither an envelope, nor a frame, nor a delivery form.")


def _delivery(data: bytes) -> Found:
    receipt, frame = parse_delivery(data)
    envelope, parts = parse_frame(frame)
    return Found(envelope, parts, receipt)


def _rejected(members: Any) -> Found:
    if not isinstance(members, dict) or not isinstance(members.get("envelope"), str):
        raise FormUnknown("The bus refused; there is no message in its problem document.")
    salt = b64url_decode(str(members.get("salt", "")), 32)
    data = tuple(b64url_decode(str(part)) for part in members.get("parts", []))
    return Found(members["envelope"].encode(), Parts(salt, data))
