"""What shipway asks of the world, as small Protocols; adapters answer them."""
