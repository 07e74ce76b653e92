"""From accepted to answered: relay, deliverer, sweeps, mailboxes, waiting, dead letters.

Kafka carries, the database waits: every delivery has its row before anything here hears of it, so
whatever is lost here a sweep finds.
"""
