"""One department's way of speaking, turned into an answer and back.

Owns the plug-ins that call an agency's own system and the egress client they share. Refuses to
own envelopes, signatures, receipts and retries: an adapter gets a verified request and returns
an answer or a rejection, and whoever called it does the rest.

Invariant: nothing here imports the registry, and nothing here fetches a URL but ``egress``.
"""
