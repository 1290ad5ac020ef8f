"""The PostgreSQL side: connecting, its schema, the model registry, and writing batches.

``dsn`` reads connection strings, ``connect`` opens them, ``watchdog`` limits waiting, ``failures`` puts what a server
says into plain words, ``faults`` what it says of a row. ``catalog`` and ``relations`` find out what a database has,
``fit`` compares a table with its description, ``probe`` tests a connection for an operator. ``lock`` keeps a second
copy out, and ``holder`` tells whose session has the lock. ``prepare`` makes what is missing:
``schema``, and in ``registry`` the embedding model. ``keys`` finds rows that are there, ``writer`` brings batches in,
``indexes`` builds what speeds up searching. ``embedded`` runs a server of our own, with ``programs``.
"""
