"""Checks on data asked of a warehouse in SQL, where the tables lie; only counts, sums and a few examples come out."""
