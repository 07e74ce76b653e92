"""What a witness refuses, and what it can't do."""

from sealway.errors import SdkError


class WitnessError(SdkError):
    """What a call of the witness can raise."""

    code = "witness-error"


class WitnessUnusable(WitnessError):
    """Settings, key or state are missing or wrong; nothing is cosigned until a person looks."""

    code = "witness-unusable"


class RequestMalformed(WitnessError):
    """Not the body of an ``add-checkpoint`` call."""

    code = "request-malformed"


class OldSizeDiffers(WitnessError):
    """The proof starts elsewhere than at what was cosigned last; ``size`` is that."""

    code = "old-size-differs"

    def __init__(self, size: int) -> None:
        super().__init__(f"The last cosigned checkpoint has size {size}.")
        self.size = size


class LogForked(WitnessError):
    """Two checkpoints of one size with different roots, both signed by the log; ``size`` is it."""

    code = "log-forked"

    def __init__(self, size: int) -> None:
        super().__init__(f"The log signed two different trees of size {size}.")
        self.size = size


class LogUnreachable(WitnessError):
    """A log's checkpoint or tile could not be fetched; try again later."""

    code = "log-unreachable"
