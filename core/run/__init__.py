"""One run from end to end. The only package that imports both ``source`` and ``destination``."""
