"""Who is asked to vouch for log 0, how many are enough, and how long it may take.

Owns the policy that auditors are given (C2SP tlog-policy): a quorum of members, so that a member
with many witnesses counts once and the operator's own count for nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from cryptography.x509 import Certificate

from signing.log.cosignature import CosignatureVerifier
from signing.log.policy import TrustPolicy, parse_policy

QUORUM: Final = "members:quorum"


@dataclass(frozen=True, slots=True)
class AskedWitness:
    """A witness that is listed: its submission prefix, its key, whose it is."""

    name: str
    url: str | None
    """None: it polls, and brings its cosignatures; it isn't asked."""
    verifier: CosignatureVerifier
    member: str
    is_own: bool
    """The operator's: treated like the others, and not counted."""


@dataclass(frozen=True, slots=True)
class Authority:
    """A time-stamp authority, and the roots that its certificate is verified with."""

    name: str
    url: str
    roots: tuple[Certificate, ...]
    answer: Callable[[bytes], bytes] | None = None
    """Answers a request in this process: the one that a sandbox has of its own."""


@dataclass(frozen=True, slots=True)
class AnchorRules:
    """Whom to ask, in which order, and by when."""

    witnesses: tuple[AskedWitness, ...] = ()
    quorum: int = 2
    authorities: tuple[Authority, ...] = ()
    alarm_ms: int = 600_000
    stop_ms: int = 14_400_000
    stamp_every_ms: int = 300_000

    @property
    def needs_anything(self) -> bool:
        """Whether anybody is asked at all."""
        return bool(self.witnesses or self.authorities)

    @property
    def has_pollers(self) -> bool:
        """Whether any witness comes by itself."""
        return any(one.url is None for one in self.witnesses)

    def policy_text(self, log_keys: Sequence[str]) -> str:
        """The policy as a file, for these logs."""
        lines = [f"log {key}" for key in log_keys]
        members: dict[str, list[str]] = {}
        for one in self.witnesses:
            where = "" if one.url is None else f" {one.url}"
            lines.append(f"witness {one.name} {one.verifier}{where}")
            if not one.is_own:
                members.setdefault(f"member:{one.member}", []).append(one.name)
        lines += [f"group {name} any {' '.join(of)}" for name, of in members.items()]
        if members:
            lines.append(f"group {QUORUM} {self.quorum} {' '.join(members)}")
        lines.append(f"quorum {QUORUM if members else 'none'}")
        return "\n".join(lines) + "\n"

    def policy(self, log_keys: Sequence[str] = ()) -> TrustPolicy:
        """The same, as the verifier reads it."""
        return parse_policy(self.policy_text(log_keys).encode())
