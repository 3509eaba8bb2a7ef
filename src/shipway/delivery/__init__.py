"""Phase 5: from a candidate to something that can be released and taken back."""
