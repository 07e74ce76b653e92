"""What people would pick instead: each peer's server with its settings, its two ends, its load."""
