"""The prediction log: columnar segments in local files."""
