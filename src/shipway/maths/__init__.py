"""Pure functions on arrays, shared by every room: expressions, window kernels, metrics, intervals."""
