"""The errors of the SDK, one tree.

    SealwayError                    signing/errors.py
    └── SdkError                    what a call of the SDK can raise
        ├── Refused                 the bus said no         code, detail, remedy, retryable
        ├── Rejected                the provider said no    code, text
        ├── AnswerPending           no answer in time       exchange, to ask again later
        ├── ProofFailed             what arrived is not proven: never use it
        ├── BusUnavailable          the bus could not be reached    maybe_sent, exchange
        ├── ProfileInvalid          the profile is missing or wrong
        ├── InboxMisused            the inbox can't promise one effect
        └── WitnessError            sealway/witness/errors.py: what `sealway witness` refuses

Everything an application must tell apart is a class or an attribute, never a text. `exchange` is
an `Exchange` of the `Client` that was called, or an `AsyncExchange` of the `AsyncClient`; its `id`
is all that another process needs to go on.
"""

from __future__ import annotations

from typing import Any

from signing.errors import SealwayError


class SdkError(SealwayError):
    """What a call of the SDK can raise; catch this to catch all of them."""

    code = "sdk-error"


class Refused(SdkError):
    """The bus refused, deliberately and for a stated reason.

    `remedy` says what to do. `retryable` tells whether the same bytes may be sent again; the SDK
    has done so already until the call's time was over. `problem` is the whole problem document.
    """

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        remedy: str = "",
        retryable: bool = False,
        status: int = 0,
        problem: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.code = code  # type: ignore[misc]  # the bus's code, one a refusal
        self.remedy = remedy
        self.retryable = retryable
        self.status = status
        self.problem = problem or {}

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}"

    @property
    def errors(self) -> tuple[dict[str, Any], ...]:
        """What is wrong with the content, if that is why: pointers and messages, values masked."""
        errors = self.problem.get("errors")
        listed = errors if isinstance(errors, list) else []
        return tuple(error for error in listed if isinstance(error, dict))


class Rejected(SdkError):
    """The provider answered no: verified like every answer.

    `code` is one of `access-denied`, `no-data`, `unknown-request`, `failure` or another code of
    the registry; `text` is for a person and may be empty. `exchange` leads to the evidence.
    """

    def __init__(self, code: str, text: str = "", *, exchange: Any = None) -> None:
        super().__init__(text or code)
        self.code = code  # type: ignore[misc]  # the provider's code
        self.text = text
        self.exchange = exchange

    def __str__(self) -> str:
        return f"{self.code}: {self.text}" if self.text else self.code


class AnswerPending(SdkError):
    """No answer came in time. While the exchange lives, `exchange.answer(wait_s)` asks again.

    `over`: the question's own time ended with the waiting, as after each `ask`. Then only an answer
    that the bus accepted before is still there; ask anew, or `send` and collect later.
    """

    code = "answer-pending"

    def __init__(self, detail: str, *, exchange: Any = None, over: bool = False) -> None:
        super().__init__(detail)
        self.exchange = exchange
        self.over = over


class ProofFailed(SdkError):
    """What the bus handed over is not proven: a signature, a receipt or a commitment is wrong.

    The content is withheld. Keep the exchange's id and tell the operator and your auditor.
    """

    code = "proof-failed"


class BusUnavailable(SdkError):
    """The bus could not be reached, or broke off. `maybe_sent`: the message may have arrived.

    Sending the same message again is always safe: it gives the first receipt. `exchange`, when
    there is one, does so with `resend()`.
    """

    code = "bus-unavailable"

    def __init__(self, detail: str, *, maybe_sent: bool = False) -> None:
        super().__init__(detail)
        self.maybe_sent = maybe_sent
        self.exchange: Any = None


class ProfileInvalid(SdkError):
    """No such profile, or one that cannot be used; `detail` says which file and why."""

    code = "profile-invalid"


class InboxMisused(SdkError):
    """An inbox can't promise one effect this way; `detail` says what to do."""

    code = "inbox-misused"
