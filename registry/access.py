"""Who may take part, and who may use a service now.

Pure rules over one directory, for every message: dictionary reads, no parsing. Invariant: what is
unknown, unlisted, suspended, not granted or granted for another time is one refusal, so that
nobody learns what is registered by asking.
"""

from registry.directory import Directory
from registry.errors import NotAllowed, PurposeRequired, SenderSuspended
from registry.grants import Grant
from registry.nouns import Noun, State
from registry.services import Delivery, Service
from registry.systems import System
from signing.values import value_type

_ACTIVE = State.ACTIVE


@value_type
class Right:
    """A consumer may use this service, by this grant; ``delivery`` is where its message goes."""

    service: Service
    grant: Grant
    delivery: Delivery


def check_standing(directory: Directory, system_id: str) -> System:
    """The sender's system, if it and its member are active.

    Raises:
        SenderSuspended: either is suspended or withdrawn.
    """
    system = directory.system(system_id)
    if system is None or not _stands(directory, system):
        raise SenderSuspended(
            "The system or its member is suspended or withdrawn.", system=system_id
        )
    return system


def check_right(
    directory: Directory,
    consumer: str,
    provider: str,
    code: str,
    *,
    purpose: str | None,
    now_ms: int,
    test: bool = False,
) -> Right:
    """The right by which ``consumer`` may send this request now.

    Of several grants the first that covers time, test flag and purpose, in order of their ids.
    ``valid_from`` belongs to the time of a grant, ``valid_to`` does not. A test message needs a
    grant that allows it and a service that says where tests go.

    Raises:
        NotAllowed: no such recipient or service, not active, or no grant for now.
        PurposeRequired: a grant is there, for other purposes than the one stated, if any was.
    """
    service = directory.service(provider, code)
    grants = directory.grants_for(consumer, provider, code)
    system = directory.system(provider)
    if service is None or system is None or not grants:
        raise NotAllowed(cause="unknown-or-ungranted")
    if service.state is not _ACTIVE or not _stands(directory, system):
        raise NotAllowed(cause="provider-not-active")
    delivery = service.test_delivery if test else service.delivery
    if delivery is None:
        raise NotAllowed(cause="takes-no-tests")
    current = [grant for grant in grants if _covers(grant, now_ms, test)]
    if not current:
        raise NotAllowed(cause="grant-not-in-force")
    for grant in current:
        if not grant.purposes or purpose in grant.purposes:
            return Right(service, grant, delivery)
    covered = sorted({code for grant in current for code in grant.purposes})
    said = "these purposes" if purpose is None else "not the purpose stated, but these"
    raise PurposeRequired(f"The grant covers {said}: {', '.join(covered)}. State one of them.")


def is_visible(directory: Directory, system_id: str, service: Service) -> bool:
    """Whether a registered system sees a service: its own, a listed one, or one it has a grant for.

    A withdrawn service is seen by its own system only.
    """
    if service.system == system_id:
        return True
    if service.state is State.WITHDRAWN:
        return False
    return service.listed or bool(directory.grants_for(system_id, service.system, service.code))


def visible_services(directory: Directory, system_id: str) -> list[Service]:
    """The services that a registered system sees, in order of their keys."""
    return [
        one
        for one in directory.objects(Noun.SERVICE)
        if isinstance(one, Service) and is_visible(directory, system_id, one)
    ]


def _stands(directory: Directory, system: System) -> bool:
    if system.state is not _ACTIVE:
        return False
    member = directory.member_of(system.id)
    return member is not None and member.state is _ACTIVE


def _covers(grant: Grant, now_ms: int, test: bool) -> bool:
    if grant.valid_from_ms > now_ms or (test and not grant.test):
        return False
    return grant.valid_to_ms is None or now_ms < grant.valid_to_ms
