"""Whether those who are to vouch for log 0 can be asked, as far as files say.

Refuses to ask them: a witness cosigns what it is shown, and a doctor only looks.
"""

from collections.abc import Iterator

from exchange.operation.anchor_rules import anchor_rules
from exchange.operation.doctor.findings import Finding, ok, warn, wrong
from exchange.operation.settings import Settings, SettingsInvalid


def check_anchors(settings: Settings) -> Iterator[Finding]:
    """Roots that can't be read; one authority alone; nothing to say where nobody is listed."""
    try:
        rules = anchor_rules(settings)
    except SettingsInvalid as error:
        yield wrong("anchoring", error.detail, "put the file there, as the authority gave it")
        return
    if not rules.needs_anything:
        return
    if len(rules.authorities) == 1:
        yield warn(
            "anchoring",
            "there is one time-stamp authority; when it is away nothing is stamped",
            "list a second one",
        )
    members = len({one.member for one in rules.witnesses if not one.is_own})
    counts = f"witnesses of {members} members, {len(rules.authorities)} time-stamp authorities"
    yield ok("anchoring", counts)
