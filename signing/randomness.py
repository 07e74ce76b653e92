"""Random bytes for keys, salts, nonces and ids, drawn from the system in blocks.

Each call of ``os.urandom`` gives up the interpreter lock and waits to get it back, which under
load costs more than the bytes. A block belongs to one thread; every byte is handed out once and a
forked child starts with none. Invariant: no byte is ever given twice.
"""

import os
import threading
from typing import Final

BLOCK_BYTES: Final = 4_096  # about a hundred draws; a leaked block is no more than leaked memory


class _Block(threading.local):
    """One thread's block and how much of it was handed out."""

    data: bytes = b""
    at: int = 0


_block = _Block()


def random_bytes(count: int) -> bytes:
    """``count`` unpredictable bytes, at most a block."""
    assert 0 < count <= BLOCK_BYTES
    block = _block
    start = block.at
    end = start + count
    if end > len(block.data):
        block.data, start, end = os.urandom(BLOCK_BYTES), 0, count
    block.at = end
    return block.data[start:end]


def _forget() -> None:
    _block.data, _block.at = b"", 0


os.register_at_fork(after_in_child=_forget)
