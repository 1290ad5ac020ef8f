"""The PostgreSQL side: connecting, its schema, the model registry, and writing batches.

``dsn`` reads connection strings, ``connect`` opens them, ``failures`` puts what a server says into plain words.
``catalog`` finds out what is there, ``schema`` makes what is not, ``registry`` keeps the embedding model,
``writer`` brings batches in, ``indexes`` builds what speeds up searching, ``embedded`` runs a server of our own.
"""
