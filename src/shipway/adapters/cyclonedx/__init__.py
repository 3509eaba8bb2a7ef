"""CycloneDX: the bill of materials that a bundle carries."""
