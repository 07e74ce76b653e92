"""Who vouches for log 0: `[witnesses.NAME]`, `[authorities.NAME]` and `[anchoring]`.

Owns whom to ask and what is enough. None of them by default: then nothing is required. Refuses a
quorum that the operator alone could meet.
"""

import re
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from exchange.operation.settings.engines import FilePath
from exchange.operation.settings.limits import Table
from signing.errors import SealwayError
from signing.log.cosignature import parse_cosignature_key

MEMBERS_MIN: Final = 3
_NAME: Final = r"^[a-z0-9][a-z0-9.-]{0,63}$"
_MEMBER: Final = re.compile(r"[A-Za-z0-9'()+,.=?/-]{1,255}", re.ASCII)

AskedName = Annotated[str, Field(pattern=_NAME)]


def _asked_url(text: str) -> str:
    url = urlsplit(text)
    if url.scheme not in ("http", "https") or not url.hostname or url.query or url.fragment:
        raise ValueError("must be an address like https://witness.example, without query")
    if url.username or url.password:
        raise ValueError("must not hold a name or password")
    return text


def _witness_key(text: str) -> str:
    try:
        return str(parse_cosignature_key(text))
    except SealwayError as error:
        raise ValueError(error.detail) from None


def _member(text: str) -> str:
    if not _MEMBER.fullmatch(text):
        raise ValueError("must be a member like sx/GOV/1001")
    return text


AskedUrl = Annotated[str, AfterValidator(_asked_url)]
Prefix = Annotated[AskedUrl, AfterValidator(lambda text: text.rstrip("/"))]


class AskedWitness(Table):
    """`[witnesses.NAME]`: a witness that log 0's checkpoints are shown to."""

    url: Prefix | None = Field(
        default=None,
        description="its submission prefix: `/add-checkpoint` is asked below it; the host must be "
        "in egress.hosts. Absent for one that only talks outward: it polls `/log/0/cosignatures` "
        "and brings its cosignatures there",
    )
    key: Annotated[str, AfterValidator(_witness_key)] = Field(
        description="its verifier key, told by its owner by another way than this network"
    )
    member: Annotated[str, AfterValidator(_member)] = Field(
        description="whose it is; a member with several counts once"
    )
    own: bool = Field(
        default=False,
        description="whether it is the operator's: kept, and not counted, since the quorum is "
        "there to hold the operator to one history",
    )


class TimeAuthority(Table):
    """`[authorities.NAME]`: a time-stamp authority (RFC 3161); asked in the file's order."""

    url: AskedUrl = Field(description="where requests are posted; the host must be in egress.hosts")
    roots: FilePath = Field(
        description="file of the certificates, in PEM, that its own must lead to; auditors are "
        "given the same"
    )


class AnchoringTable(Table):
    """`[anchoring]`: how many must vouch for log 0, how often, and how late is too late."""

    quorum: int = Field(
        default=2,
        ge=2,
        le=32,
        description="members whose witnesses must have cosigned; with fewer than two, one of them "
        "and the operator could show somebody another history",
    )
    stamp_every_s: int = Field(
        default=300,
        ge=10,
        le=3_600,
        description="seconds between time-stamps; a leaf is dated to within this and a minute",
    )
    alarm_s: int = Field(
        default=600,
        ge=30,
        le=86_400,
        description="seconds without a quorum, or without a time-stamp, until readiness and "
        "metrics say `late`; a restart of a witness takes less",
    )
    stop_s: int = Field(
        default=14_400,
        ge=60,
        le=604_800,
        description="seconds until nothing more is accepted (`anchoring-late`): what nobody has "
        "vouched for could be rewritten, and a working day is long enough to repair",
    )
