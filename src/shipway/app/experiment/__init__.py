"""Experiments as use cases: plan one, begin it, look at it, and come to a decision."""
