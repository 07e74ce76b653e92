"""An unsuspecting HTTP service behind the bus.

Owns the translation of a request into one HTTP call and of the response into an answer or a
rejection, as the operator's settings say. Refuses to know anything of the service in code.
"""

from adapters.rest.adapter import RestAdapter

__all__ = ["RestAdapter"]
