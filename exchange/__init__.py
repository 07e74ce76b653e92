"""The service: accept, record, route, deliver, answer; the only place with servers and loops."""
