"""The limits of a comparison: numbers, units, reasons."""

from typing import Final

TIME_S: Final = 10.0
"""For one reading. Nearly all take below a second; a person waits for the answer."""

MEMORY_BYTES_MAX: Final = 1024 * 1024 * 1024
"""Address space of the process: Python and the library map about 200 MiB before they begin."""

ANSWER_BYTES_MAX: Final = 16 * 1024 * 1024
"""One answer: a witness is at most a few values of a schema, which is 256 KiB of text."""

JUDGEMENTS_MAX: Final = 1_000
"""Before a process is replaced, so that what a library keeps stays bounded."""
