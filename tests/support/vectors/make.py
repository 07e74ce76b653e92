"""Write ``signing/vectors/*.json``: ``python -m tests.support.vectors.make``.

The same bytes each time. The formats are final: run it to add vectors, and look at the
difference; a line that changes is a mistake.
"""

import json
from pathlib import Path
from typing import Any

from tests.support.vectors import fixed, logs
from tests.support.vectors.invalid_carriers import carriers
from tests.support.vectors.invalid_envelopes import envelopes
from tests.support.vectors.invalid_logs import proofs
from tests.support.vectors.invalid_manifests import manifests
from tests.support.vectors.messages import IAT_S, forms, kinds

FOLDER = Path(__file__).parents[3] / "signing" / "vectors"


def files() -> dict[str, Any]:
    """File name → contents, as they are published."""
    messages = kinds()
    invalid = [*envelopes(), *manifests(), *carriers(), *proofs()]
    return {
        "keys.json": {
            "bus": fixed.BUS,
            "now": "2026-11-22T06:40:30.000Z",
            "holders": [holder.published() for holder in fixed.HOLDERS],
        },
        "messages.json": [message.published() for message in (*messages, *forms())],
        "log.json": logs.log_vectors(messages),
        "deliveries.json": logs.deliveries(messages),
        "records.json": logs.record_vectors(),
        "tokens.json": logs.token_vectors(),
        "at-rest.json": logs.at_rest(messages[0]),
        "invalid.json": {
            "call": logs.CALL,
            "now_s": IAT_S + 30,
            "receipts_are_for": messages[0].name,
            "entries": [bad.published() for bad in invalid],
        },
    }


def text(value: Any) -> str:
    """A file's text: one member or entry a line or so, ASCII, so that differences can be read."""
    return json.dumps(value, ensure_ascii=True, indent=1) + "\n"


def main() -> None:
    for name, value in files().items():
        (FOLDER / name).write_text(text(value), encoding="ascii")


if __name__ == "__main__":
    main()
