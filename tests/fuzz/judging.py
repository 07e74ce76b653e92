"""What an answer must be: a documented status, a documented type, a body as described, no 5xx."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

PROBLEM: Final = "application/problem+json"
PROBLEM_MEMBERS: Final = frozenset({"type", "title", "status", "code", "retryable", "detail"})
_DOCUMENT: Final = "urn:openapi"


class Judge:
    """Knows what the OpenAPI document promises; asks ``is_explained`` of each problem's code."""

    def __init__(self, document: dict[str, Any], is_explained: Callable[[str], bool]) -> None:
        self._paths: Mapping[str, Any] = document["paths"]
        self._is_explained = is_explained
        resource = DRAFT202012.create_resource(document)
        self._registry: Registry[Any] = Registry().with_resource(_DOCUMENT, resource)

    def faults(self, method: str, path: str, status: int, type_: str, body: bytes) -> list[str]:
        """What is wrong with an answer, in words; empty when it is as promised."""
        if status >= 500:
            return [f"5xx: {status}"]
        responses = self._paths[path][method.lower()]["responses"]
        promised = responses.get(str(status))
        if promised is None:
            return [f"undocumented: status {status}"]
        media = type_.partition(";")[0].strip().lower()
        content = promised.get("content", {})
        if status >= 400 and media == PROBLEM:
            return self._problem(status, body)
        if content and not {media, "*/*"} & content.keys():
            return [f"undocumented: {status} with {media or 'no type'}"]
        pointer = _pointer(path, method, status, media)
        return self._against(pointer, body) if "schema" in content.get(media, {}) else []

    def _problem(self, status: int, body: bytes) -> list[str]:
        try:
            problem = json.loads(body)
        except ValueError:
            return ["undocumented: a problem that is no JSON"]
        if missing := PROBLEM_MEMBERS - problem.keys():
            return [f"undocumented: a problem without {', '.join(sorted(missing))}"]
        if not self._is_explained(problem["code"]):
            return [f"undocumented: code {problem['code']}"]
        return [] if problem["status"] == status else ["undocumented: the problem's status differs"]

    def _against(self, pointer: str, body: bytes) -> list[str]:
        if not pointer.endswith("json/schema"):
            return []
        schema = {"$ref": f"{_DOCUMENT}#{pointer}"}
        validator = Draft202012Validator(schema, registry=self._registry)
        error = next(validator.iter_errors(json.loads(body)), None)
        return [] if error is None else [f"undocumented: {error.json_path}: {error.message[:120]}"]


def _pointer(path: str, method: str, status: int, media: str) -> str:
    steps = ["paths", path, method.lower(), "responses", str(status), "content", media, "schema"]
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)
