"""The SQLite side: opens a file without changing it, describes it, and reads its rows.

``locate`` finds databases, ``overview`` takes a quick look at one. ``opening`` opens one read-only, in a private copy
where it must (``scratch``). ``shape`` lists tables and columns, ``layouts`` knows the SQL of each column, ``describe``
says what the file is, ``upgrade`` brings an old file to V15. ``query`` writes the SQL that ``reader`` and
``key_reader`` read batches with; ``guarantees`` tells what holds for all rows; ``row_lookup`` finds a single row again.
"""
