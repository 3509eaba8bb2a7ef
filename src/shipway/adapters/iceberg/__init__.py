"""Apache Iceberg: metadata that lets any engine read a published table in place."""
