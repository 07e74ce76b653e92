"""Confluent's schema registry API, below ``/confluent``, for serializers that speak nothing else.

A second door to the one registry: admission, comparison, states and records are
``exchange.acceptance.registration``'s. Owns Confluent's addresses, bodies and numeric error codes;
refuses to own a rule about schemas. What its own server does and ours doesn't is in
docs/how-to/use-confluent-clients.md.
"""
