"""Latencies counted in buckets: any number of them in a few kilobytes, added up without loss.

Owns the arithmetic and its error: a bucket is 1/128 of its power of two wide, so a quantile is at
most 0.8 % above the latency that it stands for, and never below. Refuses to drop or to average.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

STEPS_BITS: Final = 7
_STEPS: Final = 1 << STEPS_BITS


def bucket_of(us: int) -> int:
    """The number of the bucket that a latency in µs falls into; they are ordered as latencies."""
    shift = max(0, us.bit_length() - STEPS_BITS - 1)
    return (shift << STEPS_BITS) + (us >> shift)


def highest_us(bucket: int) -> int:
    """The longest latency that falls into a bucket."""
    shift = max(0, (bucket >> STEPS_BITS) - 1)
    return (((bucket - (shift << STEPS_BITS)) + 1) << shift) - 1


class Histogram:
    """Counted latencies. What is recorded is what a caller waited, from when it meant to call."""

    def __init__(self, counts: Mapping[int, int] | None = None) -> None:
        self._counts: Counter[int] = Counter(counts or {})

    @classmethod
    def of(cls, latencies_s: Iterable[float]) -> "Histogram":
        """The histogram of some latencies."""
        return cls(Counter(bucket_of(max(0, round(one * 1e6))) for one in latencies_s))

    @classmethod
    def from_json(cls, pairs: Iterable[tuple[int, int]]) -> "Histogram":
        """What `to_json` wrote."""
        return cls({int(bucket): int(count) for bucket, count in pairs})

    def to_json(self) -> list[tuple[int, int]]:
        """Buckets and their counts, shortest latency first; empty buckets are left out."""
        return sorted(self._counts.items())

    def __add__(self, other: "Histogram") -> "Histogram":
        return Histogram(self._counts + other._counts)

    @property
    def count(self) -> int:
        """How many latencies."""
        return self._counts.total()

    def quantile_ms(self, part: float) -> float:
        """The latency that ``part`` of the calls did not exceed; 0 when there are none."""
        wanted, seen = max(1, math.ceil(self.count * part)), 0
        for bucket, count in self.to_json():
            seen += count
            if seen >= wanted:
                return highest_us(bucket) / 1000
        return 0.0
