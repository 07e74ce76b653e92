"""The ledger: the group commit, leaves, shards, marks and receipts.

The group commit is the only writer of leaves. Acceptance is its durable commit; a receipt is
released only after the log's own mark of that commit is on disk.
"""
