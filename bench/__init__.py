"""Side-by-side measurements of the copy: ``python -m bench``. ``docs/performance.md`` explains the method.

``races`` says who runs against whom, on which of the ``sources``; ``running`` carries that out, each measured run in a
process of its own (``child``, ``contenders``) and on a fresh database of one ``server``; ``bounds`` compares the
``results`` with what must hold, and ``report`` prints both.
"""
