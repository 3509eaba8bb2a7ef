"""SQLite: the ledger, and how shipway opens a database."""
