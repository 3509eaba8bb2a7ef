"""PostgreSQL: the catalog, and how shipway talks to a server."""
