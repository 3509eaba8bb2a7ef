"""Phase 6: from the prediction log and labels that arrive late to what is known of a live service."""
