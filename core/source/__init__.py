"""The SQLite side: opening a file without changing it, understanding what it is, and streaming its rows.

``locate`` finds databases, ``opening`` opens one read-only, ``layouts`` says which SQL yields each column,
``describe`` tells what a file holds, ``reader`` turns its rows into records.
"""
