"""The catalog: what a project declares about data, what is known of it, and who uses it.

It is a projection of the declarations, of the ledger and of the admitted data; it keeps nothing of its own.
"""
