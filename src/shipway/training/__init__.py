"""Phase 3: from a frame to a model that can be made again."""
