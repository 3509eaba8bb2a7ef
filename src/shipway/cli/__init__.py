"""Door 1: commands and rendering, no logic."""
