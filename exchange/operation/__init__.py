"""Settings, first start, wiring and the commands that run the service."""
