"""MLflow's models on disk, read without MLflow."""
