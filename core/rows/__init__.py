"""The currency of a run: tables, values, records, batches and problems. Knows neither SQLite files nor connections."""
