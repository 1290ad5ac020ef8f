"""vestige-tui: moves a Vestige memory database from its SQLite file to a shared PostgreSQL server."""
