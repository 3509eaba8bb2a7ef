"""The embedded lakehouse: Parquet files in the blob store under branches kept in SQLite."""
