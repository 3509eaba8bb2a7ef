"""Signatures by elliptic curve keys: the OpenSSF's model signing makes them, and `cryptography` alone verifies them."""
