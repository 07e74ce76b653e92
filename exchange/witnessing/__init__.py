"""What others vouch for of log 0: cosignatures of witnesses, time-stamps, and receipts under both.

Owns whom to ask and when, what became of it, when it is too late to go on accepting, and anchored
receipts. Refuses to write a leaf. Invariant: what nobody is configured for is never required.
"""
