"""Who may change which object of the registry (product.md, *Who may do what*).

Judged twice: what is asked for, by the identifiers it names, before anything is looked up that
could tell a stranger what is registered; and each fact as it would be recorded. Refuses to own
the rules between objects: the registry has those.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from exchange.api.auth import Caller
from exchange.api.errors import PossessionUnproven, RoleMissing
from exchange.api.roles import Role
from registry.access import check_standing
from registry.changes import Change, PlannedFact
from registry.directory import Directory
from registry.errors import SenderSuspended
from registry.nouns import Noun, State
from registry.objects import parse_noun
from registry.signed_changes import OWNER_NAMED_BY, owner_of

_NOUNS: Final = {
    Role.OPERATOR: frozenset({Noun.MEMBER, Noun.SYSTEM, Noun.CERTIFICATE, Noun.POLICY}),
    Role.INTEGRATOR: frozenset(
        {Noun.SYSTEM, Noun.CERTIFICATE, Noun.SCHEMA, Noun.SUBJECT, Noun.SERVICE, Noun.GRANT}
    ),
    Role.SYSTEM: frozenset({Noun.CERTIFICATE}),
    Role.FOUNDER: frozenset(Noun) - {Noun.BUS_KEY},
}
_SAID_HERE: Final = frozenset({"schema_level", "schema_policy"})
"""Of the policy, what is changed by a call; the settings say the rest."""
_NOT_YOURS: Final = "This is not your member's; its own integrator changes it."


@dataclass(frozen=True, slots=True)
class Mandate:
    """What one caller may change; ``proven``: certificates whose keys were shown to be held."""

    caller: Caller
    proven: Collection[str] = ()

    def check_asked(self, directory: Directory, change: Change) -> None:
        """Whether the caller may ask for this at all, by what it names.

        Raises:
            RoleMissing: another role's, or another member's.
            SenderSuspended: the integrator's member is not active.
            ChangeInvalid: there is no such noun.
        """
        noun = parse_noun(change.noun)
        if noun not in _NOUNS.get(self.caller.role, ()):
            raise RoleMissing(f"The role '{self.caller.role}' may not change a {noun}.")
        if self.caller.role in (Role.INTEGRATOR, Role.SYSTEM):
            self.check_standing(directory)
            for owner in _owners(directory, noun, change):
                self._check_own(owner)

    def check_sees_users(self, subject: str) -> None:
        """Whether the caller is told what a subject's versions are and who uses them.

        Raises RoleMissing.
        """
        if not self.caller.sees_all:
            self._check_own(subject)

    def check_fact(self, directory: Directory, fact: PlannedFact) -> None:
        """Whether the caller may make this fact; ``directory`` is as it was before the set.

        Raises:
            RoleMissing: it is another member's, or only the operator may.
            PossessionUnproven: a new certificate came without proof that its key is held.
        """
        role = self.caller.role
        if fact.noun is Noun.POLICY:
            _check_policy(directory, fact)
        if role not in (Role.INTEGRATOR, Role.SYSTEM):
            return
        self._check_own(owner_of(fact.noun, fact.after))
        if fact.noun is Noun.SYSTEM:
            _check_system(directory, fact)
        elif fact.noun is Noun.CERTIFICATE:
            self._check_certificate(fact)
        elif fact.noun is Noun.SERVICE:
            _check_service(directory, fact)

    def _check_own(self, owner: str) -> None:
        """``owner``: a system's identifier, or a schema's subject."""
        member = self.caller.member
        is_own = owner == self.caller.system
        if member is not None:
            is_own = owner.startswith(f"{member}/")
        if not is_own:
            raise RoleMissing(_NOT_YOURS)

    def check_standing(self, directory: Directory) -> None:
        """Whether the caller's own member, or system, is in good standing; others always are.

        Raises:
            SenderSuspended: it is not.
        """
        if self.caller.system is not None:
            check_standing(directory, self.caller.system)
            return
        if self.caller.member is None:
            return
        found = directory.get(Noun.MEMBER, self.caller.member)
        if found is None or found.state is not State.ACTIVE:
            raise SenderSuspended("Your member is suspended; it changes nothing now.")

    def _check_certificate(self, fact: PlannedFact) -> None:
        if fact.before is not None:
            if self.caller.role is Role.SYSTEM:
                raise RoleMissing("A system adds its next certificate; an integrator revokes.")
            return
        if fact.after["custody"] != "member":
            raise RoleMissing("Only the operator says that the bus holds a key (custody 'bus').")
        if fact.key not in self.proven:
            raise PossessionUnproven(
                "A new certificate needs a proof that its key is held, in 'proof'."
            )


def _owners(directory: Directory, noun: Noun, change: Change) -> Iterator[str]:
    """Everything by which a change says whose it is; each must be the caller's own."""
    given = change.object if change.object is not None else {}
    name = OWNER_NAMED_BY.get(noun, "system")
    if type(given.get(name)) is str:
        yield given[name]
    key = change.key
    if key is None:
        key = given.get({Noun.CERTIFICATE: "x5t", Noun.SCHEMA: "fingerprint"}.get(noun, "id"))
    if type(key) is not str:
        return
    if noun in (Noun.SYSTEM, Noun.SERVICE):
        yield key.rpartition("/")[0] if noun is Noun.SERVICE else key
    elif (there := directory.get(noun, key)) is not None:
        yield owner_of(noun, there.to_object())


def _check_policy(directory: Directory, fact: PlannedFact) -> None:
    before = directory.get(Noun.POLICY, fact.key)
    was = {} if before is None else before.to_object()
    names = {*was, *fact.after} - _SAID_HERE
    if changed := sorted(name for name in names if was.get(name) != fact.after.get(name)):
        raise RoleMissing(f"The bus's settings say '{changed[0]}'; change them and migrate.")


def _check_system(directory: Directory, fact: PlannedFact) -> None:
    before = directory.system(fact.key)
    if before is not None and before.state is State.SUSPENDED and fact.after["state"] == "active":
        raise RoleMissing("The operator puts a suspended system back.")
    was, now = None if before is None else before.mailbox_max, fact.after.get("mailbox_max")
    if now != was and (now is None or was is None or now > was):
        raise RoleMissing("The operator sets and raises a system's 'mailbox_max'.")


def _check_service(directory: Directory, fact: PlannedFact) -> None:
    """Adapters run beside the operator's own settings: only the operator ties a service to one."""
    before = directory.get(Noun.SERVICE, fact.key)
    was = {} if before is None else before.to_object()
    for name in ("delivery", "test_delivery"):
        now = fact.after.get(name)
        if isinstance(now, dict) and now["kind"] == "adapter" and now != was.get(name):
            raise RoleMissing(
                "An adapter of the bus is the operator's to give; use a mailbox or push."
            )
