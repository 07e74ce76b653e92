"""What an agency runs: its key, its adapters, and a plain local endpoint in front of the bus.

Owns the way from plain JSON to a signed question and from a proven answer back, and from the
agency's mailbox to its own systems. Refuses to take anything signed from its own side: messages
come from the bus, with their receipt, or not at all. Loads nothing of the server.

Invariant: what a local system or an adapter gets to see has been proven, and its receipt is on
disk before.
"""
