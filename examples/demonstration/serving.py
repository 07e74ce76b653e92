"""`make serve`: the same country, left running, and what to type against it."""

from __future__ import annotations

import os
import time
from pathlib import Path

from demonstration.country import Country
from demonstration.screen import Screen

WATCH_S = 0.5


def serve(screen: Screen, country: Country) -> None:
    """Bring everything up, print what to paste, and watch until told to stop.

    Raises:
        ProcessFailed: one of the processes ended.
    """
    screen.title("Sealway: a bus and four agencies", "Ctrl-C ends them; the folder stays.")
    country.bring_up(screen)
    country.start_office()
    screen.print()
    screen.print(_to_paste(country))
    screen.print(f"serve: {country.url} is ready; the folder is {country.home}")
    while True:
        country.processes.check_alive()
        time.sleep(WATCH_S)


def _to_paste(country: Country) -> str:
    here = Path.cwd() / ".sealway" == country.home
    home = "" if here else f"export SEALWAY_HOME='{country.home}'\n"
    place = country.url.removeprefix("http://").replace("127.0.0.1", "localhost")
    root = Path(__file__).resolve().parents[2]
    root_name = '"$PWD' if Path(os.getcwd()) == root else f'"{root}'
    return f"""\
Another terminal, in this folder:

export PATH={root_name}/.venv/bin:$PATH"
{home}sealway ask sx/GOV/3003/territories subdivisions --purpose statistics '{{"country":"FI"}}'

# the same with curl
printf '{{"country":"FI"}}' > q.json
sealway envelope sign --to sx/GOV/3003/territories --service subdivisions \\
    --purpose statistics q.json > q.headers
curl -s {place}/v1/messages -H @q.headers -H 'Prefer: wait=10' \\
    --data-binary @q.json -D a.headers -o a.json
sealway envelope verify --headers a.headers a.json

# the same with bash, curl, openssl, jq and basenc, and no part of Sealway
URL=http://{place} examples/ask.sh
"""
