"""Call every operation of /openapi.json as everybody: what comes back is documented, and no 5xx.

    python -m tests.fuzz.run --n 20 --seed 7

First a whole life of the bus by calls that succeed, then ``n`` well-formed and ``n`` ill-formed
calls of each operation by each caller, made from its description. Ends with one line of figures;
exit code 0 only when nothing was undocumented and at least 80 % of the operations were seen to
succeed.
"""

import argparse
import random
import re
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any, Final

import httpx
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from signing.certificates import parse_certificate, pem_to_der
from signing.identifiers import SystemId
from signing.keys import LocalSigner, load_private_key
from tests.faults.processes import Crowd, serve, wait_ready
from tests.faults.site import Site, apply_network, make_site, with_egress
from tests.fuzz.alive import Alive
from tests.fuzz.callers import Caller, founder, people, stranger, system
from tests.fuzz.judging import Judge
from tests.support.agencies import BENEFITS, CIVIL, STATISTICS, Credentials

SEEN_SHARE: Final = 0.8
TIMEOUT_S: Final = 20
ALIVE_SHARE: Final = 0.5
"""How many of the random calls are about something that is there."""
SHORT: Final = """
[limits]
wait_s_max = 1
mailbox_wait_s_max = 1
"""
PROFILES: Final = {BENEFITS: "benefits", CIVIL: "civil", STATISTICS: "statistics"}
MODES: Final = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)


def _pattern(path: str) -> str:
    """What matches a templated path; keys and numbers of tiles may have slashes."""
    text = re.sub(r"\\{(key|number)\\}", "[^?]+", re.escape(path))
    return re.sub(r"\\{[^}]+\\}", "[^/?]+", text) + r"\Z"


class Run:
    """One run against one bus."""

    def __init__(self, site: Site, chance: random.Random) -> None:
        self.site = site
        self.chance = chance
        self.http = httpx.Client(base_url=site.url, timeout=TIMEOUT_S)
        self.document: dict[str, Any] = self.http.get("/openapi.json").json()
        self.judge = Judge(self.document, self._is_explained)
        self.patterns = [
            (re.compile(_pattern(path)), path)
            for path in sorted(self.document["paths"], key=lambda one: (one.count("{"), -len(one)))
        ]
        self.explained: dict[str, bool] = {}
        self.seen: set[str] = set()
        self.calls = 0
        self.faults: Counter[str] = Counter()

    def _is_explained(self, code: str) -> bool:
        if code not in self.explained:
            self.explained[code] = self.http.get(f"/problems/{code}").status_code == 200
        return self.explained[code]

    def see(self, who: str, response: httpx.Response) -> None:
        """Judge an answer to a call of our own."""
        path, method = response.request.url.path, response.request.method
        templates = (one for pattern, one in self.patterns if pattern.match(path))
        paths = self.document["paths"]
        template = next((one for one in templates if method.lower() in paths[one]), None)
        if template is not None:
            type_ = response.headers.get("content-type", "")
            self.take(who, method, template, response.status_code, type_, response.content)

    def take(
        self, who: str, method: str, template: str, status: int, type_: str, body: bytes
    ) -> None:
        """Count an answer, and what is wrong with it."""
        self.calls += 1
        if status < 300:
            self.seen.add(f"{method} {template}")
        for fault in self.judge.faults(method, template, status, type_, body):
            self.faults[f"{fault}: {method} {template} by {who}"] += 1

    def fuzz(self, caller: Caller, alive: Alive, count: int) -> None:
        """Random calls of every operation by one caller."""
        described = schemathesis.openapi.from_dict(self.document)
        with requests.Session() as session:
            for found in described.get_all_operations():
                operation = found.ok()
                takes_input = bool(list(operation.iter_parameters()) or list(operation.body))
                for mode in MODES if takes_input else MODES[:1]:
                    self._fuzz(caller, alive, operation, mode, count, session)

    def _fuzz(
        self,
        caller: Caller,
        alive: Alive,
        operation: Any,
        mode: GenerationMode,
        count: int,
        session: requests.Session,
    ) -> None:
        chance = self.chance

        @seeded(chance.randrange(1 << 32))
        @settings(
            max_examples=count,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(operation.as_strategy(generation_mode=mode))
        def each(case: Any) -> None:
            if case.path_parameters and chance.random() < ALIVE_SHARE:
                alive.put_in(operation.path, case.path_parameters, chance)
            url = f"{self.site.url}{case.formatted_path}"
            headers = caller.headers(case.method, url)
            try:
                got = case.call(self.site.url, session, headers, timeout=TIMEOUT_S)
            except requests.exceptions.InvalidHeader:
                return  # what no client can send
            except requests.exceptions.RequestException as error:
                self.faults[f"{type(error).__name__}: {operation.label} by {caller.name}"] += 1
                return
            type_ = ",".join(got.headers.get("content-type", []))
            self.take(caller.name, case.method, operation.path, got.status_code, type_, got.content)

        try:
            each()
        except Unsatisfiable:
            return  # any text will do for its inputs: none is ill-formed


def keys_of(site: Site) -> dict[SystemId, Credentials]:
    """What the run's systems sign with."""
    found = {}
    for name, profile in PROFILES.items():
        key = load_private_key((site.bus / "keys" / f"{profile}.pem").read_bytes())
        der = pem_to_der((site.bus / "keys" / f"{profile}.crt").read_bytes())
        found[name] = Credentials(key, der, LocalSigner(key, parse_certificate(der).x5t))
    return found


def run(site: Site, count: int, chance: random.Random) -> bool:
    """Everything, against a bus that is ready; whether it held."""
    one = Run(site, chance)
    callers = [stranger(), founder(site), *people(site, one.http)]
    callers += [system(site, name) for name in PROFILES.values()]
    alive = Alive(one.http, {caller.name: caller for caller in callers}, keys_of(site), one.see)
    alive.live()
    for caller in callers:
        one.fuzz(caller, alive, count)
    one.http.close()
    return tell(one)


def tell(one: Run) -> bool:
    """Say what was found; whether it held."""
    operations = {
        f"{method.upper()} {path}"
        for path, methods in one.document["paths"].items()
        for method in methods
        if method in ("get", "put", "post", "delete", "patch", "head")
    }
    for operation in sorted(operations - one.seen):
        print(f"  never succeeded  {operation}")
    for fault, times in sorted(one.faults.items()):
        print(f"  {times:5} x  {fault}")
    seen, broken = len(one.seen & operations), one.faults.total()
    failed = sum(times for fault, times in one.faults.items() if fault.startswith("5xx"))
    print(
        f"fuzz: {len(operations)} operations, {seen} with 2xx, {failed} 5xx,"
        f" {broken - failed} undocumented; {one.calls:,} calls"
    )
    return not broken and seen >= SEEN_SHARE * len(operations)


def main() -> int:
    """One run; 0 when everything held."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=10, help="calls of each sort")
    parser.add_argument("--seed", type=int, default=None, help="which calls")
    asked = parser.parse_args()
    number = asked.seed if asked.seed is not None else random.SystemRandom().randrange(1 << 24)
    print(f"fuzz: SEED={number}")
    with tempfile.TemporaryDirectory(prefix="sealway-fuzz-") as folder:
        site = make_site(Path(folder))
        with_egress(site)
        with (site.bus / "sealway.toml").open("a") as file:
            file.write(SHORT)
        with Crowd(site) as crowd:
            process = serve(crowd, site)
            try:
                wait_ready(site, process)
            except AssertionError:
                print((site.folder / "serve.log").read_text())
                raise
            apply_network(site)
            held = run(site, asked.n, random.Random(number))
            held = crowd.stop(process) == 0 and held
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
