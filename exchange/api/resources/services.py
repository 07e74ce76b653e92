"""``/v1/services``: the catalogue. A system sees its own, listed ones, and those granted to it."""

from exchange.api.resources.objects import Collection, routes
from registry.access import visible_services
from registry.nouns import Noun

COLLECTION = Collection(Noun.SERVICE, "/v1/services", visible_services)
router = routes(COLLECTION)
