"""The SQLite side: opening a file without changing it, understanding what it is, and streaming its rows.

``locate`` finds databases, ``overview`` takes a quick look at one, ``opening`` opens one read-only, in a private copy
where it must (``scratch``). ``describe`` tells what a file holds, ``layouts`` which SQL yields each column, ``upgrade``
brings an old file to V15. ``query`` reads a table, ``records`` makes records of its rows, ``reader`` batches of those;
``lookup`` finds a single row again.
"""
