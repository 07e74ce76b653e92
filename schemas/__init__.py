"""What a payload must look like, and what may change between its versions.

Owns formats, the catalogue and fingerprints. Refuses sockets, databases and clocks: what needs
storage says so in a Protocol. Invariant: the same text has the same fingerprint everywhere.
"""
