"""`--signed-by`: a change of the registry with the owner's own signature, made here.

Owns making the whole object as the registry will record it: what is signed must be that, to the
last member. The key is that of a system's profile, and stays here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import click

from sealway.cli.session import clock

SIGNED_CHANGE: Final = "signed_change"

signer_option = click.option(
    "--signed-by",
    metavar="PROFILE",
    help="A profile of one of the owner's systems, whose key signs the change itself.",
)


def signed_new(
    signer: str, profile: str | None, noun: str, members: Mapping[str, Any]
) -> dict[str, Any]:
    """A new object, whole, with the statement beside its members.

    Raises:
        ProfileInvalid: `signer` is no system's profile, or of another bus.
        ChangeInvalid: the registry would refuse the object.
    """
    from registry.completion import complete
    from registry.contents import Contents
    from registry.nouns import Noun
    from registry.objects import parse_object

    given = {name: value for name, value in members.items() if name != "proof"}
    filled, _ = complete(Contents(), Noun(noun), None, given, clock().now_ms())
    one = parse_object(Noun(noun), filled)
    whole = one.to_object()
    return {**whole, SIGNED_CHANGE: _signed(signer, profile, noun, one.key, None, whole)}


def signed_end(
    signer: str, profile: str | None, noun: str, found: Mapping[str, Any], state: str
) -> str:
    """The statement that an object, as it was read, goes into another state. Raises as above."""
    from registry.nouns import Noun
    from registry.objects import parse_object
    from signing.records import object_hash

    kept = {name: found[name] for name in found if name not in ("record", "receipt")}
    one = parse_object(Noun(noun), kept)
    before = object_hash(one.to_object())
    after = parse_object(Noun(noun), {**kept, "state": state}).to_object()
    return _signed(signer, profile, noun, one.key, before, after)


def _signed(
    signer: str, profile: str | None, noun: str, key: str, before: str | None, after: Any
) -> str:
    from sealway.credentials import identity_of
    from sealway.errors import ProfileInvalid
    from sealway.profile import load_profile
    from signing.changes import StatedChange, sign_change

    bus, own = load_profile(profile).bus, load_profile(signer)
    if own.bus != bus:
        raise ProfileInvalid(f"Profile {signer!r} is of {own.bus}; the change is for {bus}.")
    change = StatedChange(bus, noun, key, before, after)
    return sign_change(change, identity_of(own).signer, clock().now_ms()).decode("ascii")
