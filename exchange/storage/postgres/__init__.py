"""The PostgreSQL engine (14 to 18, no contrib extension): many processes on one database."""
