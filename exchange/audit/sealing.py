"""A bundle on its way out, sealed for one recipient."""

from collections.abc import AsyncIterator

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from signing.sealed import Sealer


async def sealed_for(
    recipient: X25519PublicKey, pieces: AsyncIterator[bytes]
) -> AsyncIterator[bytes]:
    """The pieces as one sealed stream (``signing.sealed``); broken off, it doesn't open."""
    sealer = Sealer(recipient)
    yield sealer.head
    async for piece in pieces:
        if out := sealer.add(piece):
            yield out
    yield sealer.end()
