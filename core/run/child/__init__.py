"""A run in a process of its own, so that the interface has an interpreter for itself.

Everything travels pickled through the two pipes of the child, the password of the destination included, and nothing
travels in another way. ``process`` is the parent's side, ``__main__`` the child's. A child stays for the next run. When
its standard input ends, for whatever reason, it cancels what it does and ends.
"""
