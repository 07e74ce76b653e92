"""The SQLite engine: one file, one writer thread, readers on connections of their own."""
