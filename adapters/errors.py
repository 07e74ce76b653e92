"""What can go wrong between us and a department's system.

    SealwayError
    └── AdapterError
        ├── AdapterSettingsInvalid      the operator's file is wrong; found at start, never later
        └── AttemptFailed               this attempt came to nothing; the exchange lives on
            ├── ProviderUnreachable     no usable connection, or it said "not now"
            │   ├── HostNotListed       egress refused the address
            │   └── ProviderNotSetUp    no deliverer's settings say how to reach it
            ├── ProviderTimeout         no complete answer within the time limit
            └── ProviderMisbehaved      it answered, and not as agreed

A provider's deliberate no is not an error: it is a ``Reject``. Owns no retry policy.
"""

from signing.errors import SealwayError


class AdapterError(SealwayError):
    """The branch for adapters and egress."""

    code = "provider-unreachable"


class AdapterSettingsInvalid(AdapterError):
    """A table of settings that names unknown keys, bad templates or unsafe queries."""

    code = "settings-invalid"


class AttemptFailed(AdapterError):
    """One attempt failed; ``code`` is the attempt's code in the timeline.

    ``maybe_sent`` is false only when surely no byte of the request reached the provider, so that
    even a service that must never be repeated may be tried again.
    """

    code = "provider-misbehaved"

    def __init__(self, detail: str, *, maybe_sent: bool = True, **context: object) -> None:
        super().__init__(detail, **context)
        self.maybe_sent = maybe_sent


class ProviderUnreachable(AttemptFailed):
    """No connection, one lost before the answer was whole, or "not now" (502, 503, 504)."""

    code = "provider-unreachable"


class HostNotListed(ProviderUnreachable):
    """A host, port or resolved address outside what the operator listed. Nothing was sent."""

    def __init__(self, detail: str, **context: object) -> None:
        super().__init__(detail, maybe_sent=False, **context)


class ProviderNotSetUp(ProviderUnreachable):
    """The service names an adapter, an endpoint or a key that no settings here have.

    Nothing was sent. It is tried again: an operator may add what is missing at any time.
    """

    code = "provider-not-set-up"

    def __init__(self, detail: str, **context: object) -> None:
        super().__init__(detail, maybe_sent=False, **context)


class ProviderTimeout(AttemptFailed):
    """No complete answer within the time limit; what the provider did with it is unknown."""

    code = "provider-timeout"


class ProviderMisbehaved(AttemptFailed):
    """It answered with something that its settings don't foresee, or beyond a limit."""

    code = "provider-misbehaved"
