"""The witness: cosigns checkpoints of logs that it has seen grow, and of no others.

Owns the protocols (C2SP tlog-witness served, tiles polled), the state and its files. Refuses to
read leaves, to judge what a log holds and to import the server: it needs the base install only.
Invariant: of each log, what was cosigned is a line; it is on disk before its cosignature leaves.
"""
