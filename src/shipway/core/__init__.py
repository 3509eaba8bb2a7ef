"""The nouns of shipway as frozen data and the pure rules that hold between them; no input or output."""
