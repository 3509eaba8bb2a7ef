"""The local file system: blobs as files, and what its faults mean."""
