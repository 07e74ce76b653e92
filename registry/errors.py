"""The branch for what the registry refuses.

    SealwayError
    └── RegistryError
        ├── ChangeInvalid      a change that breaks a rule        request-invalid
        ├── Conflict           … that contradicts what is there   conflict
        ├── ChangedMeanwhile   … made against an older state      changed-meanwhile
        ├── NotFound           nothing under this key             not-found
        ├── NotAllowed         recipient, service or grant        not-allowed
        ├── SenderSuspended    the sender may not take part now   sender-suspended
        ├── PurposeRequired    the grant covers other purposes    purpose-required
        └── DirectoryBroken    records that do not follow         proof-invalid

Invariant: ``NotAllowed`` has one sentence, whatever its cause, so that a stranger can't learn
what is registered.
"""

from signing.errors import SealwayError


class RegistryError(SealwayError):
    """What the registry refuses; ``index`` is the place of the change in its set, from 0."""

    code = "request-invalid"
    index: int | None = None


class ChangeInvalid(RegistryError):
    """A change with a missing, unknown or ill-formed member, or that names what isn't there."""

    code = "request-invalid"


class Conflict(RegistryError):
    """A change that is well-formed and contradicts what is registered."""

    code = "conflict"


class ChangedMeanwhile(RegistryError):
    """The object is no longer the one that the caller saw."""

    code = "changed-meanwhile"


class NotFound(RegistryError):
    """Nothing is registered under this key, or the caller may not see it."""

    code = "not-found"


class NotAllowed(RegistryError):
    """No right to use this service now; unknown, unlisted and ungranted are one to a stranger."""

    code = "not-allowed"

    def __init__(self, **context: object) -> None:
        super().__init__(
            "The recipient, the service or a grant for it is not there for this sender.", **context
        )


class SenderSuspended(RegistryError):
    """The sender's system or its member is suspended or withdrawn."""

    code = "sender-suspended"


class PurposeRequired(RegistryError):
    """The grant lists purposes and the message states none of them."""

    code = "purpose-required"


class DirectoryBroken(RegistryError):
    """A record that does not follow from the ones before it: a gap, a fork or a rewrite."""

    code = "proof-invalid"
