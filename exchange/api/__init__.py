"""The HTTP edge: routes, authentication, problems; nothing here decides what is accepted."""
