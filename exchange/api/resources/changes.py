"""``POST /v1/changes``: a set of registry changes, all or none, in one transaction on log 0."""

from typing import Any

from fastapi import APIRouter, Request, Response

from exchange.acceptance.registration import decided
from exchange.api.bodies import Body, read_model
from exchange.api.errors import RequestInvalid
from exchange.api.replies import json_reply
from exchange.api.resources.asked import BusOf, CallerOf, HeadersOf, respond
from exchange.api.resources.objects import change_as
from registry.changes import Change

router = APIRouter(tags=["changes"])


class ChangeBody(Body):
    """One change: members left out keep what they are; ``expected`` is the ETag seen.

    ``decision``: why a schema may stand although its compatibility is unknown.
    ``proof`` goes with a new certificate (see ``POST /v1/certificates``). ``signed_change``: the
    owner's own statement of the change, recorded with it.
    """

    noun: str
    object: dict[str, Any]
    key: str | None = None
    expected: str | None = None
    decision: str | None = None
    proof: str | None = None
    signed_change: str | None = None


class ChangesBody(Body):
    """A set of changes; each sees the ones before it."""

    changes: list[ChangeBody]


def _described() -> dict[str, Any]:
    """The body's schema; the part it refers to stands among the document's components."""
    schema = ChangesBody.model_json_schema(ref_template="#/components/schemas/{model}")
    del schema["$defs"]
    return schema


@router.post(
    "/v1/changes",
    summary="Make a set of changes, all or none",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _described()}},
        }
    },
)
async def change(request: Request, api: BusOf, caller: CallerOf, headers: HeadersOf) -> Response:
    """What changed, what was so already, and where each change stands in log 0."""
    body = await read_model(api, headers, request.receive, ChangesBody)
    most = api.limits.changes_max
    if len(body.changes) > most:
        text = f"A set has at most {most} changes; send it in pieces."
        raise RequestInvalid(text, [("/changes", text)])
    changes = [
        Change(
            one.noun,
            one.object,
            one.key,
            one.expected,
            decision=decided(one.decision, caller.actor),
            signed=one.signed_change,
        )
        for one in body.changes
    ]
    proofs = [one.proof for one in body.changes]
    recorded = await change_as(api, caller, changes, proofs)
    document = {
        "changed": len(recorded.facts),
        "unchanged": recorded.unchanged,
        "version": recorded.version,
        "facts": [
            {
                "noun": one.fact.noun.value,
                "key": one.fact.key,
                "act": one.fact.act,
                "index": one.place.index,
            }
            for one in recorded.facts
        ],
    }
    return respond(json_reply(document))
