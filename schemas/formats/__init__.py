"""The schema formats on offer, each behind the one Protocol of ``port``."""
