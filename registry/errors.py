"""The branch for what the registry refuses.

    SealwayError
    └── RegistryError
        ├── ChangeInvalid      a change that breaks a rule        request-invalid
        │   └── SignedChangeInvalid   a statement that doesn't hold   signed-change-invalid
        ├── Conflict           … that contradicts what is there   conflict
        │   ├── SchemaIncompatible   a version would break one    schema-incompatible
        │   ├── SchemaUndecided      … or it can't be told        schema-undecided
        │   └── SchemaInUse          somebody uses it             schema-in-use
        ├── ChangedMeanwhile   … made against an older state      changed-meanwhile
        ├── NotFound           nothing under this key             not-found
        ├── NotAllowed         recipient, service or grant        not-allowed
        ├── SenderSuspended    the sender may not take part now   sender-suspended
        ├── PurposeRequired    the grant covers other purposes    purpose-required
        └── DirectoryBroken    records that do not follow         proof-invalid

Invariant: ``NotAllowed`` has one sentence, whatever its cause, so that a stranger can't learn
what is registered.
"""

from collections.abc import Mapping
from typing import Any

from signing.errors import SealwayError


class RegistryError(SealwayError):
    """What the registry refuses; ``index`` is the place of the change in its set, from 0."""

    code = "request-invalid"
    index: int | None = None


class ChangeInvalid(RegistryError):
    """A change with a missing, unknown or ill-formed member, or that names what isn't there."""

    code = "request-invalid"


class SignedChangeInvalid(ChangeInvalid):
    """A member's own statement that doesn't bear out the change it came with."""

    code = "signed-change-invalid"


class Conflict(RegistryError):
    """A change that is well-formed and contradicts what is registered."""

    code = "conflict"


class SchemaIncompatible(Conflict):
    """A version that breaks a reader; ``report`` holds the instance that shows it."""

    code = "schema-incompatible"

    def __init__(self, subject: str, report: Mapping[str, Any]) -> None:
        findings = [one for one in report["findings"] if one["answer"] == "no"]
        versions = sorted({one["version"] for one in findings})
        noun = "version" if len(versions) == 1 else "versions"
        numbers = ", ".join(map(str, versions))
        super().__init__(
            f"This schema would break readers of '{subject[:100]}', {noun} {numbers} "
            f"({report['level']}, {report['policy']}): 'report' has an instance for each."
        )
        self.report = report


class SchemaUndecided(Conflict):
    """A version of which it can't be told whether it breaks a reader, and nobody decided."""

    code = "schema-undecided"

    def __init__(self, subject: str, report: Mapping[str, Any]) -> None:
        super().__init__(
            f"It can't be told whether this schema would break readers of '{subject[:100]}' "
            f"({report['level']}, {report['policy']}). A person may decide: say why."
        )
        self.report = report


class SchemaInUse(Conflict):
    """A version that services or other schemas use; ``touched`` lists them."""

    code = "schema-in-use"

    def __init__(self, subject: str, version: int, touched: Mapping[str, Any]) -> None:
        super().__init__(
            f"Version {version} of '{subject[:100]}' is in use: places of services: "
            f"{len(touched['services'])}, other schemas: {len(touched['schemas'])}; "
            "'touched' lists them."
        )
        self.touched = touched


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
    """The grant lists purposes, and the message states another or none; the detail lists them."""

    code = "purpose-required"


class DirectoryBroken(RegistryError):
    """A record that does not follow from the ones before it: a gap, a fork or a rewrite."""

    code = "proof-invalid"
