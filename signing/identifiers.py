"""Names that appear in signed bytes, and their grammar (product.md, *What it must have*).

Owns the grammar only; whether a name is registered is for the registry. Two system identifiers
that differ only in case are the same place: compare ``fold`` of them.
"""

import re
from typing import NewType

from signing.errors import IdentifierInvalid, MessageIdInvalid
from signing.randomness import random_bytes

MemberId = NewType("MemberId", str)
SystemId = NewType("SystemId", str)
ServiceCode = NewType("ServiceCode", str)
MessageId = NewType("MessageId", str)
Code = NewType("Code", str)
Fingerprint = NewType("Fingerprint", str)

SYSTEM_ID_BYTES_MAX = 255  # X-Road's limit; keeps keys and paths short

# Some dots, then something that is no dot, then anything: no segment is made of dots only.
_SEGMENT = r"\.*+[A-Za-z0-9'()+,=?-][A-Za-z0-9'()+,.=?-]*+"
_MEMBER = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT}){{2}}")
_SYSTEM = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT}){{3}}")
_INSTANCE = re.compile(_SEGMENT)
_SERVICE = re.compile(r"[a-z][a-z0-9-]{0,63}(?:\.v[0-9]{1,4})?")
_CODE = re.compile(r"[a-z0-9.-]{1,64}")
_FINGERPRINT = re.compile(r"sha256:[0-9a-f]{64}")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def _parse(pattern: re.Pattern[str], text: str, what: str, like: str) -> str:
    if not pattern.fullmatch(text) or len(text) > SYSTEM_ID_BYTES_MAX:
        raise IdentifierInvalid(f"Expected {what} like {like}.")
    return text


def parse_instance(text: str) -> str:
    """The first segment of every identifier of one exchange. Raises IdentifierInvalid."""
    return _parse(_INSTANCE, text, "an instance", "sx")


def parse_member_id(text: str) -> MemberId:
    """``instance/class/member``. Raises IdentifierInvalid."""
    return MemberId(_parse(_MEMBER, text, "a member identifier", "sx/GOV/1001"))


def parse_system_id(text: str) -> SystemId:
    """``instance/class/member/system``, at most 255 bytes. Raises IdentifierInvalid."""
    return SystemId(_parse(_SYSTEM, text, "a system identifier", "sx/GOV/1001/benefits"))


def parse_service_code(text: str) -> ServiceCode:
    """A service code; an incompatible version is ``code.v2``. Raises IdentifierInvalid."""
    return ServiceCode(_parse(_SERVICE, text, "a service code", "person-status"))


def parse_code(text: str) -> Code:
    """A purpose, reason or status code. Raises IdentifierInvalid."""
    return Code(_parse(_CODE, text, "a code of a-z, 0-9, '.' and '-'", "child-benefit"))


def parse_fingerprint(text: str) -> Fingerprint:
    """A schema fingerprint. Raises IdentifierInvalid."""
    return Fingerprint(_parse(_FINGERPRINT, text, "a fingerprint", "sha256: and 64 hex digits"))


def parse_uuid(text: str) -> str:
    """Any lower-case UUID with hyphens. Raises IdentifierInvalid."""
    return _parse(_UUID, text, "a lower-case UUID", "01a201fb-aa7b-4cc0-98c4-dc0c0c07398f")


def parse_message_id(text: str) -> MessageId:
    """A lower-case UUIDv7 (RFC 9562 section 5.7).

    Raises:
        MessageIdInvalid: another version, variant, case or spelling.
    """
    if not _UUID7.fullmatch(text):
        raise MessageIdInvalid("The id must be a lower-case UUIDv7 with hyphens.")
    return MessageId(text)


def new_message_id(now_ms: int) -> MessageId:
    """A fresh UUIDv7 whose time is ``now_ms``; the rest is random."""
    tail = int.from_bytes(random_bytes(10), "big")
    rand_a, rand_b = (tail >> 62) & 0xFFF, tail & ((1 << 62) - 1)
    value = (now_ms << 80) | (0x7 << 76) | (rand_a << 64) | (0b10 << 62) | rand_b
    text = f"{value:032x}"
    return MessageId(f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}")


def message_time_ms(message_id: MessageId) -> int:
    """The time inside a UUIDv7, in milliseconds since 1970."""
    return int(message_id[:8] + message_id[9:13], 16)


def message_id_bytes(message_id: MessageId) -> bytes:
    """The 16 bytes of an id, as they stand in associated data."""
    return bytes.fromhex(message_id.replace("-", ""))


def member_of(system: SystemId) -> MemberId:
    """The member part of a system identifier."""
    return MemberId(system.rpartition("/")[0])


def fold(identifier: str) -> str:
    """The key under which identifiers that differ only in case collide."""
    return identifier.casefold()
