"""Small tools that know nothing of shipway: canonical JSON, hashing, durations, files, suggestions."""
