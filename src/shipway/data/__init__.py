"""Phase 2: from raw inputs to checked tables and frames as known at each row's instant."""
