"""What the HTTP edge itself refuses, before or beside what the layers below refuse.

SealwayError
└── ApiError
    ├── TokenMissing, TokenRefused, RoleMissing     who calls
    ├── PossessionUnproven                          a certificate without proof of its key
    ├── RequestInvalid, BodyTooLarge, BodyTypeUnsupported, ClientTooSlow   how it calls
    ├── NotFound, MethodNotAllowed, AnswerNotYet    what it calls
    ├── PreconditionRequired                        a change that names no version
    └── RateExceeded, NotReady                      not now

Owns no status and no remedy: those are in the problem table.
"""

from collections.abc import Sequence

from signing.errors import SealwayError


class ApiError(SealwayError):
    """The branch of the HTTP edge."""

    code = "request-invalid"


class RequestInvalid(ApiError):
    """A body, header or query that is not what the call takes; ``pointers`` says where."""

    code = "request-invalid"

    def __init__(self, detail: str, pointers: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(detail)
        self.pointers = tuple(pointers)


class TokenMissing(ApiError):
    """A call that needs a bearer token came without one."""

    code = "token-missing"

    def __init__(self) -> None:
        super().__init__("The call has no `Authorization: Bearer` header.")


class TokenRefused(ApiError):
    """A bearer token that is nobody's."""

    code = "token-invalid"


class RoleMissing(ApiError):
    """Somebody known, who may not do this."""

    code = "role-missing"


class PossessionUnproven(ApiError):
    """A new certificate came without a proof that whoever adds it holds its key."""

    code = "possession-unproven"


class NotFound(ApiError):
    """Nothing here for this caller."""

    code = "not-found"

    def __init__(self, detail: str = "There is nothing at this address for you.") -> None:
        super().__init__(detail)


class MethodNotAllowed(ApiError):
    """An address that takes other methods; ``allow`` lists them."""

    code = "method-not-allowed"

    def __init__(self, allow: str) -> None:
        super().__init__(f"This address takes {allow}.")
        self.allow = allow


class AnswerNotYet(ApiError):
    """The exchange is open."""

    code = "answer-not-yet"

    def __init__(self) -> None:
        super().__init__("The provider has not answered yet.")


class ClientTooSlow(ApiError):
    """The body did not arrive in time."""

    code = "client-too-slow"


class PreconditionRequired(ApiError):
    """A change of something that is there, without If-Match."""

    code = "precondition-required"


class BodyTooLarge(ApiError):
    """More bytes than this bus accepts."""

    code = "body-too-large"


class HeaderTooLarge(ApiError):
    """A header field is longer than the bus reads."""

    code = "header-too-large"


class BodyTypeUnsupported(ApiError):
    """A media type that the call doesn't take."""

    code = "body-type-unsupported"


class RateExceeded(ApiError):
    """Too many calls of one system wait at once."""

    code = "rate-exceeded"


class NotReady(ApiError):
    """The bus is starting, stopping, or can't write its log."""

    code = "not-ready"
