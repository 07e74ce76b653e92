"""Is this kind, with these parts, offered by this bus?"""

from exchange.acceptance.arrival import Arrival
from exchange.acceptance.errors import BodyTypeUnsupported, NotOffered, PartTooLarge
from signing.manifest import PARTS_MAX, Manifest, PartSpec

OFFERED_KINDS = ("request", "response", "rejection", "interim", "cancel", "acknowledgement")
OFFERED_PARTS_MAX = PARTS_MAX
WITH_BODY = frozenset({"request", "response"})
"""The kinds whose first part a service's schema describes; others have a context, or nothing."""
BODY, CONTEXT = "body", "context"
CONTEXT_BYTES_MAX = 65_536  # words and parameters; whatever is longer is an attachment
_JSON = "application/json"


def check_kind(arrival: Arrival) -> None:
    """Raises NotOffered, PartTooLarge, BodyTypeUnsupported."""
    manifest = arrival.envelope.manifest
    if manifest.kind not in OFFERED_KINDS:
        raise NotOffered(f"This bus doesn't offer messages of kind {manifest.kind} yet.")
    _check_names(manifest)
    for spec in manifest.parts:
        _check_part(spec, arrival.terms.part_bytes_max)
    most = arrival.terms.parts_bytes_max
    if sum(spec.size for spec in manifest.parts) > most:
        raise PartTooLarge(f"The parts are over {most} bytes together.")


def _check_names(manifest: Manifest) -> None:
    """Where there is a body it comes first; elsewhere there is a context at most."""
    if manifest.kind in WITH_BODY:
        if manifest.parts[0].name != BODY:
            raise NotOffered(f"The first part of a {manifest.kind} is named '{BODY}'.")
        return
    if any(spec.name != CONTEXT for spec in manifest.parts):
        raise NotOffered(f"The one part of a {manifest.kind} is named '{CONTEXT}'.")


def _check_part(spec: PartSpec, size_max: int) -> None:
    most = min(size_max, CONTEXT_BYTES_MAX) if spec.name == CONTEXT else size_max
    if spec.size > most:
        raise PartTooLarge(f"Part '{spec.name}' is over {most} bytes.")
    if spec.name == CONTEXT and spec.type != _JSON:
        raise BodyTypeUnsupported(f"Part '{spec.name}' must be {_JSON}.")
    if spec.name != BODY and spec.schema is not None:
        raise NotOffered(f"Part '{spec.name}' names a schema; only '{BODY}' is checked by one.")
