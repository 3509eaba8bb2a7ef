"""Databases that speak SQL: what is asked of them, in their dialects."""
