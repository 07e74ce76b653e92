"""What carries records between processes; it may lose, repeat, delay and reorder them."""
