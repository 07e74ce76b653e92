"""Pages for people: ``/docs``, where ``/`` leads, and ``/problems``; whole in themselves."""

from fastapi import APIRouter, Response

from exchange.api.call_docs import calls_page
from exchange.api.errors import NotFound
from exchange.api.problem_pages import PAGE_HEADERS, index_page, problem_page
from exchange.api.resources.asked import BusOf

router = APIRouter(include_in_schema=False)


def _page(html: str) -> Response:
    return Response(html.encode(), headers=dict(PAGE_HEADERS))


@router.get("/")
async def front(api: BusOf) -> Response:
    """Who opens the bus's address in a browser is led to its calls."""
    return Response(status_code=303, headers={"location": f"{api.public_url}/docs"})


@router.get("/docs")
async def docs(api: BusOf) -> Response:
    """Every call, with a curl line."""
    return _page(calls_page(api.public_url))


@router.get("/problems")
async def problems() -> Response:
    """Every code."""
    return _page(index_page())


@router.get("/problems/{code}")
async def problem(code: str) -> Response:
    """One code: what it means, and what to do."""
    html = problem_page(code)
    if html is None:
        raise NotFound("There is no such code.")
    return _page(html)
