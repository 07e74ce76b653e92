"""Who may take part and who may use a service: passes, each way to fail, and the edges of time."""

import pytest

from registry.access import Right, check_right, check_standing, is_visible, visible_services
from registry.changes import Change
from registry.directory import Directory
from registry.errors import NotAllowed, PurposeRequired, SenderSuspended
from signing.encoding import parse_time
from tests.unit.registry.country import (
    BENEFITS,
    CIVIL,
    NOW,
    a_country,
    applied,
    grant,
    member,
    service,
    system,
)

FROM, TO = "2026-01-01T00:00:00.000Z", "2027-01-01T00:00:00.000Z"
OTHER = "sx/GOV/1001/second"


def right(
    directory: Directory,
    *,
    consumer: str = BENEFITS,
    provider: str = CIVIL,
    code: str = "person-status",
    purpose: str | None = "child-benefit",
    now_ms: int = NOW,
    test: bool = False,
) -> Right:
    return check_right(
        directory, consumer, provider, code, purpose=purpose, now_ms=now_ms, test=test
    )


def test_an_active_system_of_an_active_member_stands() -> None:
    assert check_standing(a_country(), BENEFITS).id == BENEFITS


@pytest.mark.parametrize(
    "change",
    [
        system(state="suspended"),
        system(state="withdrawn"),
        member("sx/GOV/1001", state="suspended"),
    ],
)
def test_a_suspended_or_withdrawn_sender_does_not_stand(change: Change) -> None:
    with pytest.raises(SenderSuspended):
        check_standing(applied(a_country(), change), BENEFITS)


def test_a_system_that_is_not_registered_does_not_stand() -> None:
    with pytest.raises(SenderSuspended):
        check_standing(a_country(), "sx/GOV/9/none")


def test_standing_comes_back_with_the_member() -> None:
    suspended = applied(a_country(), member("sx/GOV/1001", state="suspended"))
    back = applied(suspended, member("sx/GOV/1001", state="active"))
    assert check_standing(back, BENEFITS).id == BENEFITS


def test_a_grant_for_the_purpose_gives_the_right() -> None:
    found = right(a_country())
    assert found.service.code == "person-status"
    assert found.grant.purposes == ("child-benefit",)
    assert found.delivery.kind == "mailbox"


NOT_ALLOWED: dict[str, tuple[list[Change], dict[str, str]]] = {
    "an unknown system": ([], {"provider": "sx/GOV/2002/none"}),
    "an unknown member": ([], {"provider": "sx/GOV/9/none"}),
    "an unknown service": ([], {"code": "none"}),
    "a service that was not granted": ([service(code="other")], {"code": "other"}),
    "an unlisted service that was not granted": (
        [service(code="other", listed=False)],
        {"code": "other"},
    ),
    "a consumer without a grant": ([system(OTHER)], {"consumer": OTHER}),
    "a consumer in other letters": ([], {"consumer": "sx/GOV/1001/Benefits"}),
    "a withdrawn grant": ([grant(state="withdrawn")], {}),
    "a suspended service": ([service(state="suspended")], {}),
    "a withdrawn service": ([service(state="withdrawn")], {}),
    "a suspended provider": ([system(CIVIL, state="suspended")], {}),
    "a withdrawn provider": ([system(CIVIL, state="withdrawn")], {}),
    "a suspended provider's member": ([member("sx/GOV/2002", state="suspended")], {}),
}


@pytest.mark.parametrize(("changes", "asked"), NOT_ALLOWED.values(), ids=NOT_ALLOWED)
def test_is_not_allowed_and_says_the_same_of_all(
    changes: list[Change], asked: dict[str, str]
) -> None:
    with pytest.raises(NotAllowed) as caught:
        right(applied(a_country(), *changes), **asked)  # type: ignore[arg-type]
    assert caught.value.detail == NotAllowed().detail
    assert str(caught.value) == caught.value.detail


def test_an_unlisted_service_is_allowed_to_whom_it_was_granted() -> None:
    assert right(applied(a_country(), service(listed=False)))


def test_a_grant_holds_from_its_first_millisecond_to_the_last_before_its_end() -> None:
    directory = applied(a_country(), grant(valid_from=FROM, valid_to=TO))
    first, end = parse_time(FROM), parse_time(TO)
    assert right(directory, now_ms=first)
    assert right(directory, now_ms=end - 1)
    for outside in (first - 1, end):
        with pytest.raises(NotAllowed):
            right(directory, now_ms=outside)


@pytest.mark.parametrize("purpose", [None, "", "statistics", "Child-benefit"])
def test_another_purpose_or_none_is_told_which_ones_the_grant_covers(purpose: str | None) -> None:
    said = "these purposes" if purpose is None else "not the purpose stated, but these"
    with pytest.raises(PurposeRequired, match=f"covers {said}: child-benefit"):
        right(a_country(), purpose=purpose)


def test_a_grant_without_purposes_asks_for_none() -> None:
    directory = applied(a_country(), grant(purposes=[]))
    assert right(directory, purpose=None)
    assert right(directory, purpose="anything")


def test_the_grant_that_covers_the_purpose_is_found_among_several() -> None:
    directory = applied(a_country(), grant(id="a", purposes=["statistics"]))
    assert right(directory, purpose="statistics").grant.id == "a"
    assert right(directory, purpose="child-benefit").grant.id != "a"
    with pytest.raises(PurposeRequired, match="child-benefit, statistics"):
        right(directory, purpose="audit")


def test_a_purpose_of_a_grant_that_has_ended_is_not_told() -> None:
    ended = grant(id="a", purposes=["statistics"], valid_to="2026-02-01T00:00:00.000Z")
    with pytest.raises(PurposeRequired) as caught:
        right(applied(a_country(), ended), purpose="statistics")
    assert "statistics" not in caught.value.detail


def test_a_test_message_needs_a_grant_and_a_service_that_take_tests() -> None:
    takes = service(test_delivery={"kind": "adapter", "name": "civil-test"})
    both = applied(a_country(), takes, grant(test=True))
    assert right(both, test=True).delivery.name == "civil-test"
    assert right(both).delivery.kind == "mailbox"
    for changes in ([takes], [grant(test=True)]):
        with pytest.raises(NotAllowed):
            right(applied(a_country(), *changes), test=True)


def test_a_system_sees_its_own_listed_and_granted_services() -> None:
    directory = applied(a_country(), system(OTHER), service(listed=False))
    assert visible_services(directory, CIVIL)
    assert visible_services(directory, BENEFITS)
    assert visible_services(directory, OTHER) == []
    assert visible_services(applied(directory, service(listed=True)), OTHER)


def test_only_its_own_system_sees_a_withdrawn_service() -> None:
    directory = applied(a_country(), service(state="withdrawn"))
    found = directory.service(CIVIL, "person-status")
    assert found is not None
    assert is_visible(directory, CIVIL, found)
    assert not is_visible(directory, BENEFITS, found)
