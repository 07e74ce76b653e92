"""What a payload must look like: schemas are admitted here, and payloads checked against them.

Pure: no sockets, no database, no clock. Imports ``signing`` only. Who may register a schema, and
which service speaks it, is for ``registry``.
"""
