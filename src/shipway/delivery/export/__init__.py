"""Bundles in the formats of other systems: pure functions from a bundle's files to the files of a folder."""
