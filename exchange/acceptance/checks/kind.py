"""Is this kind, with these parts, offered by this bus?"""

from exchange.acceptance.arrival import Arrival
from exchange.acceptance.errors import BodyTypeUnsupported, NotOffered, PartTooLarge
from signing.manifest import PartSpec

OFFERED_KINDS = ("request", "response", "rejection", "interim", "cancel")
OFFERED_PARTS_MAX = 1
_JSON = "application/json"


def check_kind(arrival: Arrival) -> None:
    """Raises NotOffered, PartTooLarge, BodyTypeUnsupported."""
    manifest = arrival.envelope.manifest
    if manifest.kind not in OFFERED_KINDS:
        raise NotOffered(f"This bus doesn't offer messages of kind {manifest.kind} yet.")
    if len(manifest.parts) > OFFERED_PARTS_MAX:
        raise NotOffered("This bus takes messages of one part as yet.")
    for spec in manifest.parts:
        _check_part(manifest.kind, spec, arrival.terms.part_bytes_max)


def _check_part(kind: str, spec: PartSpec, size_max: int) -> None:
    if spec.size > size_max:
        raise PartTooLarge(f"Part '{spec.name}' is over {size_max} bytes.")
    expected = "body" if kind in ("request", "response") else "context"
    if spec.name != expected:
        raise NotOffered(f"The one part of a {kind} is named '{expected}'.")
    if expected == "context" and spec.type != _JSON:
        raise BodyTypeUnsupported(f"Part '{spec.name}' must be {_JSON}.")
