"""Apache Hudi tables as raw inputs."""
