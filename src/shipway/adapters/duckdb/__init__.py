"""DuckDB database files as raw inputs."""
