"""The statistics office: answers from its mailbox with the SDK, writes down each call."""

import logging
import sys
from pathlib import Path

from sealway import Provider
from sealway.profile import load_profile
from sealway.requests import Request
from tests.faults.journal import Journal
from tests.faults.site import Site
from tests.support.agencies import POPULATION

LEASE_S = 3
WAIT_S = 2


def main(folder: str) -> None:
    """Answer until told to stop."""
    logging.basicConfig(level=logging.WARNING)
    journal = Journal(Site.load(Path(folder)).journal("office"))
    with Provider(load_profile("statistics"), lease_s=LEASE_S, wait_s=WAIT_S) as office:

        @office.service(POPULATION)
        def population(request: Request) -> dict[str, str]:
            journal.write("called", id=request.id)
            return {"status": f"counted {request.json['person_code']}"}

        office.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
