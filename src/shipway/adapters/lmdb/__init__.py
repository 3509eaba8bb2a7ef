"""LMDB: the online store, read from a memory map without a server."""
