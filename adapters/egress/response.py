"""What a provider's server sent back, whole and within its limits."""

from signing.values import value_type

RawHeaders = tuple[tuple[bytes, bytes], ...]


@value_type
class EgressResponse:
    """Status, headers as they came (order and repeats kept), and the body."""

    status: int
    headers: RawHeaders
    body: bytes

    def header(self, name: str) -> str | None:
        """The first header of that name, case ignored, or None."""
        wanted = name.lower().encode("ascii")
        for key, value in self.headers:
            if key.lower() == wanted:
                return value.decode("latin-1").strip()
        return None

    @property
    def media_type(self) -> str | None:
        """``type/subtype`` in lower case, without parameters, or None."""
        value = self.header("content-type")
        return None if value is None else value.partition(";")[0].strip().lower() or None
