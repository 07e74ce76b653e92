"""``/v1/schemas``: payload contracts, and what registering or ending one would break.

A system sees the versions of the subjects that the services it sees speak, and what these refer
to; a draft is for people alone. Changes go through ``registration``, whose answers tell the report
and who is touched.
"""

from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response

from exchange.acceptance.registration import Checked, Registered, decided
from exchange.api.auth import Caller
from exchange.api.bodies import read_model
from exchange.api.context import Api
from exchange.api.deprecation import deprecation_lines
from exchange.api.errors import NotFound, PreconditionRequired
from exchange.api.mandate import Mandate
from exchange.api.replies import HeaderLine, Reply, json_reply
from exchange.api.resources.asked import BusOf, CallerOf, HeadersOf, described, respond
from exchange.api.resources.listing import PAGE_MAX, After, Limit, expected_tag, page_reply, tagged
from exchange.api.resources.objects import BODY, Collection, object_tag, read_members
from exchange.api.resources.proposals import CheckBody, proposal_of, rules_of
from registry.access import visible_services
from registry.changes import Change
from registry.directory import Directory
from registry.nouns import Noun, State
from registry.schema_versions import SchemaVersion
from signing.identifiers import SystemId

PATH: Final = "/v1/schemas"
ONE: Final = f"{PATH}/{{key}}"
_HIDDEN: Final = frozenset({State.DRAFT, State.WITHDRAWN})


def visible(directory: Directory, system: SystemId) -> list[SchemaVersion]:
    """Every version of what visible services speak, drafts left out, and what these refer to, in
    order of fingerprints: a retired one describes messages that are still there."""
    subjects = {
        schema.subject
        for service in visible_services(directory, system)
        for fingerprint in (service.request_schema, service.response_schema)
        if (schema := directory.schema(fingerprint)) is not None
    }
    pending = [one for subject in subjects for one in directory.schema_versions(subject)]
    found: dict[str, SchemaVersion] = {}
    while pending:
        schema = pending.pop()
        if schema.state in _HIDDEN or schema.fingerprint in found:
            continue
        found[schema.fingerprint] = schema
        referred = (directory.schema(one.fingerprint) for one in schema.references)
        pending.extend(one for one in referred if one is not None)
    return [found[fingerprint] for fingerprint in sorted(found)]


COLLECTION = Collection(Noun.SCHEMA, PATH, visible)
router = APIRouter(tags=["schemas"])

SubjectOf = Annotated[str | None, Query(max_length=255, description="Only versions of this one.")]


@router.get(PATH, summary="List schemas")
async def list_all(
    api: BusOf,
    caller: CallerOf,
    limit: Limit = PAGE_MAX,
    after: After = None,
    subject: SubjectOf = None,
) -> Response:
    """Every schema that you may see, deleted drafts left out; one subject's with its rules."""
    directory = api.directory.current
    keyed = [
        (one.key, one.to_object())
        for one in COLLECTION.shown(directory, caller)
        if one.state is not State.WITHDRAWN
        and (subject is None or (isinstance(one, SchemaVersion) and one.subject == subject))
    ]
    more = {} if subject is None else {"rules": directory.rules(subject).to_object()}
    path = PATH if subject is None else f"{PATH}?{urlencode({'subject': subject})}"
    return respond(page_reply(path, keyed, limit, after, version=directory.version, **more))


@router.get(ONE, summary="Show a schema")
async def show(key: str, api: BusOf, caller: CallerOf, headers: HeadersOf) -> Response:
    """By fingerprint or by id, whatever its state."""
    found = _fetch(api, caller, key)
    reply = json_reply(found.to_object(), headers=deprecation_lines([found]))
    return respond(tagged(reply, headers, object_tag(found)))


@router.get(f"{ONE}/touched", summary="Whom a change of a schema would touch")
async def show_touched(key: str, api: BusOf, caller: CallerOf) -> Response:
    """Services that use it and aren't withdrawn, their consumers, schemas that refer to it."""
    found = _fetch(api, caller, key)
    Mandate(caller).check_sees_users(found.subject)
    touched = api.directory.current.touched(found.subject, found.fingerprint)
    return respond(json_reply(touched.to_object()))


@router.post(PATH, summary="Register a schema", openapi_extra=BODY)
async def add(request: Request, api: BusOf, caller: CallerOf, headers: HeadersOf) -> Response:
    """The next version of its subject: 201; 200 when this very schema is one already.

    The answer holds ``report``, how it stands beside the versions in force, and ``touched``. A
    ``decision`` in the body says why an unknown will do.
    """
    members = dict(await read_members(api, headers, request))
    expected = expected_tag(headers)
    decision = decided(members.pop("decision", None), caller.actor)
    change = Change(Noun.SCHEMA, members, None, expected, expected is None, decision)
    return respond(await _changed(api, caller, change))


@router.post(
    f"{PATH}/check",
    summary="What registering a schema would come to",
    openapi_extra=described(CheckBody),
)
async def check(request: Request, api: BusOf, caller: CallerOf, headers: HeadersOf) -> Response:
    """Admission and comparison; nothing is changed."""
    body = await read_model(api, headers, request.receive, CheckBody)
    Mandate(caller).check_sees_users(body.subject)
    rules = rules_of(body, api.directory.current.rules(body.subject))
    checked = await api.registration.check(proposal_of(body), rules=rules, against=body.against)
    return respond(json_reply(_checked(checked)))


@router.put(ONE, summary="Change a schema", openapi_extra=BODY)
async def put(
    key: str, request: Request, api: BusOf, caller: CallerOf, headers: HeadersOf
) -> Response:
    """Its state, when it ends and what succeeds it, its examples; the rest is fixed."""
    expected = expected_tag(headers)
    if expected is None:
        raise PreconditionRequired("Send the ETag of the object that you saw in If-Match.")
    found = _fetch(api, caller, key)
    members = dict(await read_members(api, headers, request))
    decision = decided(members.pop("decision", None), caller.actor)
    change = Change(Noun.SCHEMA, members, found.key, expected, decision=decision)
    return respond(await _changed(api, caller, change))


@router.delete(ONE, summary="Delete a draft")
async def delete(key: str, api: BusOf, caller: CallerOf, headers: HeadersOf) -> Response:
    """Its record stays, as ``withdrawn``; its id is given to nothing else."""
    found = _fetch(api, caller, key)
    members = {"state": State.WITHDRAWN.value}
    change = Change(Noun.SCHEMA, members, found.key, expected_tag(headers))
    return respond(await _changed(api, caller, change))


def _fetch(api: Api, caller: CallerOf, key: str) -> SchemaVersion:
    """By fingerprint or id. Raises NotFound, also for what the caller may not see."""
    directory = api.directory.current
    found = directory.schema_by_id(int(key)) if key.isascii() and key.isdigit() else None
    one = COLLECTION.fetch(directory, caller, key if found is None else found.key)
    if not isinstance(one, SchemaVersion):
        raise NotFound
    return one


async def _changed(api: Api, caller: Caller, change: Change) -> Reply:
    """Make one change, if it is this caller's to make. Raises RoleMissing, SenderSuspended."""
    mandate = Mandate(caller)
    mandate.check_asked(api.directory.current, change)
    return _registered(await api.registration.change(change, caller.actor, mandate.check_fact))


def _registered(done: Registered) -> Reply:
    schema = done.schema
    headers: list[HeaderLine] = [
        (b"location", COLLECTION.at(schema.key).encode("ascii")),
        (b"etag", object_tag(schema).encode("ascii")),
        *deprecation_lines([schema]),
    ]
    document = {
        **schema.to_object(),
        "report": None if done.report is None else done.report.to_object(),
        "touched": done.touched.to_object(),
    }
    return json_reply(document, 201 if done.is_new else 200, headers)


def _checked(checked: Checked) -> dict[str, Any]:
    schema, report = checked.schema, checked.report
    return {
        "answer": "yes" if report is None else report.answer.value,
        "fingerprint": checked.fingerprint,
        "registered": None if schema is None else {"id": schema.id, "version": schema.version},
        "rules": checked.rules.to_object(),
        "report": None if report is None else report.to_object(),
        "touched": checked.touched.to_object(),
    }
