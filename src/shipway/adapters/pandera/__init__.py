"""Pandera's schemas, read."""
