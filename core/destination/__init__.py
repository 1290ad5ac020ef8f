"""The PostgreSQL side: connects, inspects a database, makes it ready, and writes batches.

``connection`` begins every session, ``sessions`` keeps those of a run, ``watchdog`` limits waiting (by the limits in
``waits``), ``lock`` keeps a second copy out. ``catalog`` reads the server's catalogs, ``fit`` compares a table with its
description, ``inspection`` judges the whole destination, ``probe`` tests a connection for an operator. ``prepare``
makes what is missing: tables (``schema``) and the embedding model (``registry``). ``keys`` finds rows that have arrived
before, ``writer`` sends batches, ``foreign_keys`` checks them where the server does not, ``indexes`` builds indexes,
``completeness`` tells what is missing. ``server_errors`` explains what ends a run, ``row_errors`` what is wrong with
one row. ``embedded`` runs a server of our own, with ``programs``.
"""
