"""Acceptance: the two doors into the log, and the checks before them.

`accept` for what a system signed, `record` for what the bus or an authorised person did. Both end
in the group commit. Invariant: arrival of a request with its receipt proves that signature,
standing, grant and schema were checked under the directory version its leaf names.
"""
