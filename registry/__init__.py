"""Who takes part, what they offer, who may use it.

Owns the nouns of the directory and the rules between them. Refuses sockets, databases and clocks:
time is an argument. Invariant: a directory is one immutable version; a change makes the next one.
"""
