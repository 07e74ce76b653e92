"""Who changes the registry through Confluent's API: whoever may through ours, and as themselves."""

from exchange.acceptance.changes import Actor
from exchange.api.auth import Caller
from exchange.api.resources.objects import FOUNDER


def sees_all(caller: Caller) -> bool:
    """Whether every member's schemas are shown."""
    return caller.is_founder


def actor_of(caller: Caller) -> Actor:
    """Who acts, as records name them. Raises RoleMissing: this caller changes nothing."""
    caller.must_be_founder()
    return FOUNDER
