"""Redis: the online store that several machines share, and streams of changes."""
