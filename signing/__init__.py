"""Proof: envelopes, messages, leaves, receipts, keys, certificates and the Merkle log.

Pure: no sockets, no database, no clock. Times and random bytes come in as arguments or are
drawn here only where a fresh key, salt or nonce is made.
"""
