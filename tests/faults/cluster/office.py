"""The statistics office of a cluster: answers from its mailbox through the SDK, by one gateway.

Started again with another gateway when its own is gone for good; counts its calls.
"""

import logging
import sys
from pathlib import Path
from typing import Final

from sealway import Provider
from sealway.profile import load_profile
from sealway.requests import Request
from tests.faults.cluster.site import ClusterSite
from tests.faults.journal import Journal

OFFICE: Final = "office"
LEASE_S: Final = 4
WAIT_S: Final = 2


def main(folder: str, gateway: str) -> None:
    """Answer until told to stop."""
    logging.basicConfig(level=logging.WARNING)
    journal = Journal(ClusterSite.load(Path(folder)).journal(OFFICE))
    profile = load_profile(f"statistics-{gateway}")
    with Provider(profile, lease_s=LEASE_S, wait_s=WAIT_S) as office:

        @office.service("population")
        def population(request: Request) -> dict[str, str]:
            journal.write("called", id=request.id, service=request.service)
            return {"status": f"counted {request.json['person_code']}"}

        @office.service("census")
        def census(request: Request) -> dict[str, str]:
            journal.write("called", id=request.id, service=request.service)
            return {"status": "counted"}

        office.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
