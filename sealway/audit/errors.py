"""What the evidence bundle's readers refuse. Never an HTTP error: those are the bus's."""

from signing.errors import SealwayError


class BundleRefused(SealwayError):
    """A file that is no evidence bundle, or one that breaks a rule of docs/evidence.md."""

    code = "bundle-refused"


class AnchorsInvalid(SealwayError):
    """An anchors file that can't be used."""

    code = "anchors-invalid"


class SelectionInvalid(SealwayError):
    """A selection that names what can't be selected by."""

    code = "selection-invalid"
