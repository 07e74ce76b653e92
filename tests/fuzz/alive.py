"""What there is on the bus of a run, and calls that succeed: so that the run reaches past a 404.

Everything is done over HTTP, with the keys that the run's systems have.
"""

import json
import random
import time
from collections.abc import Iterator
from typing import Any, Final

import httpx

from signing.compose import Composed
from signing.encoding import b64url_encode, sha256
from signing.identifiers import Code, SystemId
from signing.message import FRAME_TYPE
from tests.fuzz.callers import Caller
from tests.support.agencies import (
    BENEFITS,
    CIVIL,
    PERSON_STATUS,
    POPULATION,
    Credentials,
    credentials,
    question,
)

NOUNS: Final = ("members", "systems", "certificates", "schemas", "services", "grants")
WORN_OUT_S: Final = 20.0
"""How long a mailbox delivery may take to be leased as often as it may be."""


def _text(title: str) -> str:
    """A schema that takes anything."""
    dialect = "https://json-schema.org/draft/2020-12/schema"
    return json.dumps({"$schema": dialect, "title": title})


class Alive:
    """Makes calls that ought to succeed; `call` judges each."""

    def __init__(
        self,
        http: httpx.Client,
        callers: dict[str, Caller],
        keys: dict[SystemId, Credentials],
        judge: Any,
    ) -> None:
        self._http = http
        self._callers = callers
        self._keys = keys
        self._judge = judge
        self.ids: list[str] = []
        self.keys_of: dict[str, list[str]] = {}
        self._unique = time.time_ns()

    def call(
        self, who: str, method: str, path: str, members: Any = None, **headers: str
    ) -> httpx.Response:
        """One call of somebody, judged."""
        more: dict[str, Any] = {} if members is None else {"json": members}
        return self._sent(who, method, path, headers, **more)

    def _sent(
        self, who: str, method: str, path: str, headers: dict[str, str], **more: Any
    ) -> httpx.Response:
        url = str(self._http.base_url).rstrip("/") + path.partition("?")[0]
        lines = {**self._callers[who].headers(method, url), **headers}
        response = self._http.request(method, path, headers=lines, **more)
        self._judge(who, response)
        return response

    def live(self) -> None:
        """Everything once: what people look at, what they register, a message's whole life."""
        for path in ("/livez", "/readyz", "/.well-known/sealway", "/openapi.json", "/v1/logs/1"):
            self.call("stranger", "GET", path)
        for path in ("/log/0/checkpoint", "/log/0/tile/0/000.p/3"):
            self.call("stranger", "GET", path)
        self.call("auditor", "GET", "/log/0/tile/entries/000.p/3")
        self._registry()
        self._schemas()
        self._people()
        self._asks()
        self._answered()
        self._mailbox()
        self._dead()
        for what in ("/preview", ""):
            self.call("auditor", "POST", f"/v1/exports{what}", {"selection": {}})

    def _registry(self) -> None:
        for noun, members in self._new():
            added = self.call("founder", "POST", f"/v1/{noun}", members)
            place = added.headers["location"]
            self.keys_of.setdefault(noun, []).append(place.removeprefix(f"/v1/{noun}/"))
            shown = self.call("founder", "GET", place)
            object_ = shown.json() if noun != "certificates" else {"state": "active"}
            again = {"If-Match": added.headers["etag"]}
            self.call("founder", "PUT", place, object_, **again)
            self.call("founder", "GET", f"/v1/{noun}")
        self.call("founder", "POST", "/v1/changes", {"changes": [self._change()]})

    def _new(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """An agency that joins."""
        self._unique += 1
        member = f"sx/GOV/{self._unique}"
        system, now_ms = f"{member}/one", time.time_ns() // 1_000_000
        made = credentials(system, now_ms)
        yield "members", {"id": member, "name": "A new agency"}
        yield "systems", {"id": system, "name": "Its system"}
        yield "certificates", {"system": system, "certificate": b64url_encode(made.der)}
        yield "schemas", {"subject": f"subject-{self._unique}", "text": _text(system)}
        yield (
            "services",
            {
                "system": system,
                "code": "something",
                "title": "Something",
                "request_schema": {"subject": f"subject-{self._unique}"},
                "response_schema": {"subject": f"subject-{self._unique}"},
            },
        )
        yield (
            "grants",
            {
                "consumer": BENEFITS,
                "system": system,
                "service": "something",
                "purposes": ["statistics"],
                "legal_basis": "Statistics Act",
                "valid_from": "2020-01-01T00:00:00.000Z",
            },
        )

    def _schemas(self) -> None:
        """A draft that is looked at and deleted, and a subject's rules."""
        self._unique += 1
        subject = f"draft-{self._unique}"
        draft = {"subject": subject, "text": _text(subject), "state": "draft"}
        wanted = {name: draft[name] for name in ("subject", "text")}
        self.call("founder", "POST", "/v1/schemas/check", wanted)
        added = self.call("founder", "POST", "/v1/schemas", draft)
        place = added.headers["location"]
        for what in ("/example", "/touched"):
            self.call("founder", "GET", place + what)
        self.call("founder", "DELETE", place, **{"If-Match": added.headers["etag"]})
        rules = {"subject": draft["subject"], "level": "BACKWARD"}
        added = self.call("founder", "POST", "/v1/subjects", rules)
        place, again = added.headers["location"], {"If-Match": added.headers["etag"]}
        self.call("founder", "GET", "/v1/subjects")
        self.call("founder", "GET", place)
        self.call("founder", "PUT", place, added.json(), **again)

    def _people(self) -> None:
        hash_ = b64url_encode(sha256(str(self._unique).encode()))
        new = {"name": "For a day", "role": "auditor", "token_hash": hash_, "days": 1}
        place = self.call("operator", "POST", "/v1/persons", new).headers["location"]
        self.call("operator", "GET", "/v1/persons")
        self.call("operator", "GET", place)
        self.call("operator", "POST", f"{place}/revoke")

    def _asks(self) -> None:
        """One that is given, one refused, one taken back."""
        mine, theirs = "integrator of sx/GOV/1001", "integrator of sx/GOV/2002"
        wish = {
            "consumer": BENEFITS,
            "system": CIVIL,
            "service": PERSON_STATUS,
            "legal_basis": "Benefits Act, section 5",
            "purposes": ["child-benefit"],
        }
        for who, verb in ((theirs, "give"), (theirs, "refuse"), (mine, "withdraw")):
            place = self.call(mine, "POST", "/v1/asks", wish).headers["location"]
            self.call(theirs, "GET", place)
            reason = {"reason": "Not now."} if verb == "refuse" else None
            self.call(who, "POST", f"{place}/{verb}", reason)
        self.call(mine, "GET", "/v1/asks")

    def _change(self) -> dict[str, Any]:
        self._unique += 1
        return {
            "noun": "member",
            "object": {"id": f"sx/GOV/{self._unique}", "name": "One more agency"},
        }

    def _ask(self, service: str, wait: str = "", **members: Any) -> Composed:
        asked = question(
            self._keys, time.time_ns() // 1_000_000, service, {"person_code": "7"}, **members
        )
        self.ids.append(asked.manifest.id)
        prefer = {"Prefer": wait} if wait else {}
        self._post(asked, **prefer)
        return asked

    def _post(self, message: Composed, **headers: str) -> None:
        lines = {"Content-Type": FRAME_TYPE, **headers}
        self._sent("stranger", "POST", "/v1/messages", lines, content=message.frame)

    def _answered(self) -> None:
        id_ = self._ask(PERSON_STATUS, "wait=5").manifest.id
        for what in ("", "/answer", "/receipt", "/parts/body"):
            self.call("benefits", "GET", f"/v1/messages/{id_}{what}")
        refused = self._ask(PERSON_STATUS, purpose=Code("for-no-reason"))
        self.call("benefits", "GET", f"/v1/messages/{refused.manifest.id}/refusals")
        self.call("civil", "GET", f"/v1/messages/{id_}/delivery")

    def _mailbox(self) -> None:
        for _ in range(3):
            self._ask(POPULATION)
        self.call("statistics", "GET", "/v1/mailbox")
        leased = self._lease(3)
        leases = [one["lease"] for one in leased]
        self.call("statistics", "POST", "/v1/mailbox/extend", {"leases": leases, "lease_s": 5})
        self.call("statistics", "POST", "/v1/mailbox/release", {"leases": leases[:1]})
        self.call("statistics", "POST", "/v1/mailbox/confirm", {"leases": leases[1:2]})
        self.call("statistics", "GET", f"/v1/messages/{leased[2]['id']}/delivery")

    def _lease(self, count: int) -> list[dict[str, Any]]:
        members = {"deliveries_max": count, "lease_s": 1}
        response = self.call("statistics", "POST", "/v1/mailbox/lease", members)
        found: list[dict[str, Any]] = response.json()["deliveries"]
        return found

    def _dead(self) -> None:
        """Two questions are leased until they are given up; one is tried again, one dropped."""
        for _ in range(2):
            self._ask(POPULATION)
        until, dead = time.monotonic() + WORN_OUT_S, []
        while len(dead) < 2 and time.monotonic() < until:
            self._lease(10)
            time.sleep(0.5)
            dead = self.call("founder", "GET", "/v1/dead").json()["items"]
        for one, verb in zip(dead, ("redrive", "drop"), strict=False):
            self.call("founder", "GET", f"/v1/dead/{one['id']}")
            members = {} if verb == "redrive" else None
            self.call("founder", "POST", f"/v1/dead/{one['id']}/{verb}", members)

    def put_in(self, path: str, parameters: dict[str, Any], chance: random.Random) -> None:
        """Let a random call be about something that is there."""
        noun = path.split("/")[2] if path.startswith("/v1/") else ""
        for name in parameters:
            known = self.keys_of.get(noun) if name == "key" else None
            if name == "id":
                known = self.ids
            elif name in ("n", "level"):
                known = ["0", "1"]
            if known:
                parameters[name] = chance.choice(known)
