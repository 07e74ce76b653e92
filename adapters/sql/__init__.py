"""An agency's own database behind the bus, read-only.

Owns named queries with bound parameters, and the way from rows to JSON. Refuses to write, to run
more than one statement, and to put a value of a request into SQL text.
"""

from adapters.sql.adapter import SqlAdapter

__all__ = ["SqlAdapter"]
