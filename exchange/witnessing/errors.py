"""What anchoring refuses.

SealwayError
└── WitnessingError
    ├── AnchoringLate     nobody has vouched for log 0 for so long that nothing more is accepted
    ├── AnchorNotYet      a leaf that no anchored checkpoint covers so far
    ├── CosignatureRefused, CheckpointForeign    what a witness brought isn't taken
    └── CosignaturesTooOften                     one witness brings more than it can need
"""

from signing.errors import SealwayError


class WitnessingError(SealwayError):
    """The branch of anchoring."""

    code = "anchoring-late"


class AnchoringLate(WitnessingError):
    """Witnesses or time-stamp authorities have been away for longer than the settings allow."""

    code = "anchoring-late"


class AnchorNotYet(WitnessingError):
    """The next anchored checkpoint will cover it."""

    code = "anchor-not-yet"

    def __init__(self) -> None:
        super().__init__("No checkpoint that others have vouched for covers the message yet.")


class CosignatureRefused(WitnessingError):
    """No note, or not cosigned by a listed witness just now."""

    code = "cosignature-refused"


class CheckpointForeign(WitnessingError):
    """A checkpoint that is not of this log's own history."""

    code = "checkpoint-foreign"


class CosignaturesTooOften(WitnessingError):
    """Wait a minute."""

    code = "rate-exceeded"
