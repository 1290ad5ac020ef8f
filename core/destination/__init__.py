"""The PostgreSQL side: connects, inspects a database, makes it ready, and writes batches.

``connection`` begins every session, ``sessions`` keeps those of a run, ``watchdog`` limits waiting (by the limits in
``waits``), ``lock`` keeps a second copy out. ``catalog`` reads the server's catalogs, ``fit`` compares a table with its
description. ``inspection`` inspects a destination once a run, and ``checks`` says what of it a copy refuses; ``probe``
shows both to an operator. ``prepare`` makes what is missing: tables (``schema``) and the embedding model
(``registry``). ``keys`` finds rows that have arrived before, ``writer`` sends batches, ``foreign_keys`` checks them
where the server does not, ``indexes`` builds indexes, ``completeness`` tells what is missing. ``server_errors``
explains what ends a run, ``row_errors`` what is wrong with one row. ``embedded`` runs a server of our own, with
``programs``.
"""
