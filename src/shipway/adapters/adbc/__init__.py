"""Databases and warehouses with an ADBC driver as raw inputs."""
