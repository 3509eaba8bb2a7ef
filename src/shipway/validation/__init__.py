"""Phase 4: what is known about a candidate before it meets traffic: metrics, slices, behaviour, value."""
