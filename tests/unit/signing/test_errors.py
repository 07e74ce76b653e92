"""Every refusal of signing has a code, a sentence for strangers, and a context for us alone."""

import signing.errors
from signing.errors import SealwayError, SigningError


def every_error() -> list[type[SealwayError]]:
    return [
        value
        for value in vars(signing.errors).values()
        if isinstance(value, type) and issubclass(value, SealwayError)
    ]


def test_every_error_has_a_code_in_kebab_case() -> None:
    codes = [error.code for error in every_error()]
    assert all(code == code.lower() and code.replace("-", "").isalpha() for code in codes)


def test_every_error_of_signing_is_of_its_branch() -> None:
    others = [error for error in every_error() if not issubclass(error, SigningError)]
    assert others == [SealwayError]


def test_what_strangers_see_holds_nothing_of_the_context() -> None:
    refused = SigningError("The part does not match.", path="secret")
    assert str(refused) == refused.detail == "The part does not match."
    assert refused.context == {"path": "secret"}
