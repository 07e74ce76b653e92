"""Comparing schemas in a process of its own, which can be killed.

Owns the process, its limits and the lines between; the judgement is ``schemas.compatibility``'s,
which does no input or output (docs/adr/0020). Part of the base install: the offline command line
and the server use the same.
"""

from sealway.comparing.worker import Worker

__all__ = ["Worker"]
