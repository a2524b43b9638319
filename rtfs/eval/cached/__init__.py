"""The compile cache: programs as they were compiled, so that an unchanged file runs without being read and compiled again.

A run of a file takes notes (`recording`); when it has come to an end, the code of its forms and what else a later run needs is put
together (`encoding`), signed and written (`store`).  The next run of the same text takes it up (`program`): code objects with
their constants at once, definitions, types and places when somebody asks for them (`decoding`).  What a file is
known by is in `stamp`, and `cache` puts the parts together.

An entry is Python bytecode, as in `__pycache__`, in a folder of the user's own; it is used only when it was signed with
the user's key, and when everything that its code takes for granted is so.
"""
