"""Everything of the API that is not on the path of a message: one module a resource, on FastAPI."""
