"""What a bus shows whoever it consists of: answers, refusals, an outage; in this order."""

from __future__ import annotations

from pathlib import Path

from demonstration import answers, outage, refusals
from demonstration.country import Country
from demonstration.screen import Screen

from sealway import Client


def show_exchanges(screen: Screen, country: Country, bus: Client, papers: Path) -> None:
    """Thirteen steps with a bus that is up; the mailbox's office runs afterwards."""
    answers.show_network_again(screen, country)
    answers.show_database(screen, bus)
    answers.show_http_service(screen, bus)
    answers.show_rejection(screen, bus)
    answers.show_mailbox(screen, country, bus)
    answers.show_same_message_twice(screen, country, papers)
    refusals.show_no_grant(screen)
    refusals.show_broken_payload(screen, bus)
    refusals.show_forged_signature(screen, country, papers)
    refusals.show_stale_id(screen)
    message_id = outage.show_outage(screen, country, bus, papers)
    outage.show_timeline(screen, bus, message_id)
    outage.show_mailbox_state(screen, country)
