"""Object stores such as S3: blobs as objects named by their SHA-256."""
