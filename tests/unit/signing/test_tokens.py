"""Bearer tokens: for one call, for a minute."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signing.encoding import format_time
from signing.errors import TokenInvalid
from signing.tokens import CLOCK_SKEW_S_MAX, TOKEN_LIFE_S_MAX, Call, sign_token, verify_token
from tests.support.signers import BENEFITS, NOW_MS, REGISTRY, KnownParties, party

NOW_S = NOW_MS // 1000
CALL = Call("sx.example", "POST", "https://sx.example/v1/mailbox/lease")
SENDER = party()
DIRECTORY = KnownParties(SENDER)
TOKEN = sign_token(CALL, BENEFITS, SENDER.signer, NOW_S)


def test_a_token_holds_for_the_call_it_was_made_for() -> None:
    verified = verify_token(TOKEN, CALL, DIRECTORY, NOW_S)
    assert verified.certificate is SENDER.known
    assert verified.expires_s == NOW_S + TOKEN_LIFE_S_MAX
    assert len(verified.jti) == 22


def test_two_tokens_of_one_call_differ() -> None:
    again = sign_token(CALL, BENEFITS, SENDER.signer, NOW_S)
    one, two = (verify_token(text, CALL, DIRECTORY, NOW_S).jti for text in (TOKEN, again))
    assert one != two


@pytest.mark.parametrize(
    "call",
    [
        replace(CALL, bus="other.example"),
        replace(CALL, method="GET"),
        replace(CALL, url="https://sx.example/v1/mailbox"),
    ],
)
def test_a_token_holds_for_no_other_call(call: Call) -> None:
    with pytest.raises(TokenInvalid):
        verify_token(TOKEN, call, DIRECTORY, NOW_S)


@pytest.mark.parametrize("late_s", [-CLOCK_SKEW_S_MAX, 0, TOKEN_LIFE_S_MAX + CLOCK_SKEW_S_MAX])
def test_a_token_holds_for_its_minute_and_the_skew_of_clocks(late_s: int) -> None:
    assert verify_token(TOKEN, CALL, DIRECTORY, NOW_S + late_s).jti


@pytest.mark.parametrize("late_s", [-CLOCK_SKEW_S_MAX - 1, TOKEN_LIFE_S_MAX + CLOCK_SKEW_S_MAX + 1])
def test_a_token_out_of_its_time_is_refused_and_told_the_buss(late_s: int) -> None:
    with pytest.raises(TokenInvalid, match=re.escape(format_time((NOW_S + late_s) * 1000))):
        verify_token(TOKEN, CALL, DIRECTORY, NOW_S + late_s)


def test_a_token_in_anothers_name_is_refused() -> None:
    forged = sign_token(CALL, REGISTRY, SENDER.signer, NOW_S)
    with pytest.raises(TokenInvalid, match="iss"):
        verify_token(forged, CALL, DIRECTORY, NOW_S)


def test_a_token_by_an_unknown_key_is_refused_as_a_token() -> None:
    with pytest.raises(TokenInvalid):
        verify_token(TOKEN, CALL, KnownParties(), NOW_S)


@given(st.text(max_size=80) | st.text("eyJ.AZaz09-_=", max_size=80))
def test_any_text_is_a_token_or_refused_as_one(text: str) -> None:
    with pytest.raises(TokenInvalid):
        verify_token(text, CALL, DIRECTORY, NOW_S)
