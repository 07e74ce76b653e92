"""The provider that a sandbox plays: it answers with an example of the service's own schema.

Owns the choice of the example, the first, so that a consumer's tests can expect it. Refuses to make
one up: a schema without `examples` is answered by the rejection `no-example`, which says so.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from adapters.base import JSON_TYPE, AdapterRequest, Answer, Reject
from adapters.egress import Egress
from adapters.errors import ProviderUnreachable
from exchange.acceptance.directory import DirectoryInForce

NO_EXAMPLE: Final = "no-example"


class ExampleAnswers:
    """An adapter over the directory in force; it calls nobody."""

    name = "examples"

    def __init__(self, directory: DirectoryInForce) -> None:
        self._directory = directory

    @classmethod
    def from_settings(
        cls, name: str, table: Mapping[str, Any], egress: Egress, *, folder: Path = Path()
    ) -> "ExampleAnswers":
        """Never: a sandbox makes it, and no setting can name it."""
        raise AssertionError("only a sandbox's wiring makes this adapter")

    async def start(self) -> None:
        """Nothing to take."""

    async def answer(self, request: AdapterRequest) -> Answer | Reject:
        """The first example of the response schema, or the rejection `no-example`.

        Raises:
            ProviderUnreachable: the service has gone meanwhile.
        """
        directory = self._directory.current
        service = directory.service(request.system, request.service)
        schema = None if service is None else directory.schema(service.response_schema)
        if schema is None:
            raise ProviderUnreachable("The service is not registered any more.", maybe_sent=False)
        document = json.loads(schema.text)
        examples = document.get("examples") if isinstance(document, dict) else None
        if not examples:
            return Reject(
                NO_EXAMPLE,
                "Nobody answers this service but the sandbox, and its response schema has no "
                "`examples`: add one there, or answer from the mailbox.",
            )
        return Answer(JSON_TYPE, json.dumps(examples[0], ensure_ascii=False).encode())

    async def close(self) -> None:
        """Nothing to let go."""
