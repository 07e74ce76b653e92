"""The published vectors, read as an implementer in another language would read them."""

import base64
import json
from functools import cache
from pathlib import Path
from typing import Any

from signing.certificates import parse_certificate
from signing.encoding import parse_time
from signing.errors import CertificateUnknown
from signing.identifiers import SystemId
from signing.keys import KnownCertificate, Thumbprint

FOLDER = Path(__file__).parents[2] / "signing" / "vectors"


@cache
def published(name: str) -> Any:
    """The contents of one file."""
    return json.loads((FOLDER / name).read_text(encoding="ascii"))


def unb64(text: str) -> bytes:
    """Bytes of base64url without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def entry_bytes(entry: dict[str, str]) -> bytes:
    """The input of an entry of invalid.json."""
    return entry["text"].encode() if "text" in entry else unb64(entry["bytes"])


class Directory:
    """The certificates of keys.json, as a directory would answer for them."""

    def __init__(self) -> None:
        self._known = {
            holder["x5t"]: _known(holder) for holder in published("keys.json")["holders"]
        }

    def resolve(self, x5t: Thumbprint) -> KnownCertificate:
        """The certificate of a thumbprint. Raises CertificateUnknown."""
        if x5t not in self._known:
            raise CertificateUnknown("Nobody registered this certificate.")
        return self._known[x5t]


def _known(holder: dict[str, Any]) -> KnownCertificate:
    certificate = parse_certificate(unb64(holder["certificate"]))
    return KnownCertificate(
        x5t=certificate.x5t,
        system=SystemId(holder["system"]),
        verifier=certificate.verifier,
        not_before_ms=parse_time(holder["not_before"]),
        not_after_ms=parse_time(holder["not_after"]),
        revoked=holder["revoked"],
    )
