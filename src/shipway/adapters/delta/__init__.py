"""Delta Lake tables as raw inputs."""
