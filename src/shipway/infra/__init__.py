"""Phase 1: how data is laid out, versioned, branched and collected."""
