"""Parts beside the body: attachments, and the context; what an application gives and gets.

Owns their public forms and the way to and from a message's parts. The bus checks no attachment by
a schema; it bounds their size and number, and the manifest commits to each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sealway.exchange_rules import CONTEXT, Delivered, decode_json, encode_json
from signing.compose import PartIn

BODY: Final = "body"
ANY_TYPE: Final = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A part beside the body: a name of `a-z 0-9 . _ -`, the bytes, and their media type."""

    name: str
    body: bytes = field(repr=False)
    type: str = ANY_TYPE


@dataclass(frozen=True, slots=True)
class Response:
    """What a handler returns for an answer that has more than a body.

    `content` is bytes or anything JSON, of type `media_type`; `context` is a JSON object with words
    and names for people, at most 64 KiB, each text at most 4,000 characters.
    """

    content: Any = field(repr=False)
    media_type: str = "application/json"
    attachments: Sequence[Attachment] = ()
    context: Mapping[str, Any] | None = field(default=None, repr=False)


def parts_in(
    content: Any,
    media_type: str,
    attachments: Sequence[Attachment] = (),
    context: Mapping[str, Any] | None = None,
) -> list[PartIn]:
    """The parts of a message, the body first.

    Raises:
        ValueError: an attachment that takes the name of the body or of the context.
        TypeError: content that is neither bytes nor JSON.
    """
    data = bytes(content) if isinstance(content, bytes | bytearray) else encode_json(content)
    parts = [PartIn(data, BODY, media_type)]
    if context is not None:
        parts.append(PartIn(encode_json(dict(context)), CONTEXT))
    for one in attachments:
        if one.name in (BODY, CONTEXT):
            raise ValueError(f"An attachment can't be named {one.name!r}.")
        parts.append(PartIn(one.body, one.name, one.type))
    return parts


def attachments_of(delivered: Delivered) -> tuple[Attachment, ...]:
    """The attachments of a verified message, in its order."""
    pairs = zip(delivered.envelope.manifest.parts, delivered.message.parts.data, strict=True)
    return tuple(
        Attachment(spec.name, data, spec.type)
        for at, (spec, data) in enumerate(pairs)
        if at and spec.name != CONTEXT
    )


def context_of(delivered: Delivered) -> Any:
    """The context of a verified message, read strictly, or None. Raises ProofFailed."""
    data = delivered.part(CONTEXT)
    return None if data is None else decode_json(data)
