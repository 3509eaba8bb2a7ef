"""Redis: the online store that several machines share."""
