"""hypothesis: looks for counterexamples."""
