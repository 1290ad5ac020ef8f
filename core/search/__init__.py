"""Asks a store: by words, by meaning, along connections. It only reads, and the server enforces that."""
