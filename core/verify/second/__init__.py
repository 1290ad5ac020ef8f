"""A second process that compares the tables and keys from some cut on, beside the first one.

Both see one moment: of the destination by its exported snapshot; of the source because nothing was committed between
the beginnings of their transactions. Where that cannot be proven, or no second process can be had, one does it all.
"""
