"""From settings to whom log 0 is anchored with, and the part that asks them.

Only a process that delivers has egress, so only such a one asks; a gateway looks how late it is.
"""

from dataclasses import replace
from pathlib import Path

from cryptography.x509 import Certificate

from adapters.egress import Egress
from exchange.operation.ground import Ground
from exchange.operation.roles import Role
from exchange.operation.settings import Settings, SettingsInvalid
from exchange.witnessing.rules import AnchorRules, AskedWitness, Authority
from exchange.witnessing.witnessing import Witnessing
from signing.errors import ProofInvalid
from signing.log.cosignature import parse_cosignature_key
from signing.timestamps import load_roots


def anchor_rules(settings: Settings) -> AnchorRules:
    """The rules as the settings have them. Raises SettingsInvalid: roots that can't be read."""
    anchoring = settings.anchoring
    return AnchorRules(
        witnesses=tuple(
            AskedWitness(name, one.url, parse_cosignature_key(one.key), one.member, one.own)
            for name, one in settings.witnesses.items()
        ),
        quorum=anchoring.quorum,
        authorities=tuple(
            Authority(name, one.url, _roots(name, one.roots))
            for name, one in settings.authorities.items()
        ),
        alarm_ms=anchoring.alarm_s * 1000,
        stop_ms=anchoring.stop_s * 1000,
        stamp_every_ms=anchoring.stamp_every_s * 1000,
    )


def _roots(name: str, file: Path) -> tuple[Certificate, ...]:
    try:
        return load_roots(file.read_bytes())
    except OSError as error:
        why = error.strerror or "unreadable"
    except ProofInvalid as error:
        why = error.detail
    raise SettingsInvalid([f"`authorities.{name}.roots`: {file}: {why}; correct it."])


def make_witnessing(ground: Ground, roles: frozenset[Role]) -> Witnessing:
    """The part that asks, with an egress client of its own. Raises SettingsInvalid."""
    settings = ground.settings
    rules = anchor_rules(settings)
    if settings.sandbox is not None and not rules.authorities:
        from exchange.operation.sandbox_time import sandbox_authority

        rules = replace(rules, authorities=(sandbox_authority(settings.keys, ground.clock),))
    egress = None
    if rules.needs_anything and Role.DELIVER in roles:
        egress = Egress(settings.egress.hosts, ca_file=settings.egress.ca_file)
        ground.stack.push_async_callback(egress.close)
    store = ground.store
    return Witnessing(rules, ground.directory_log, store, store.reads, egress, ground.clock)
