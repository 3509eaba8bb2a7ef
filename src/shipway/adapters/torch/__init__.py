"""PyTorch: modules that give a probability or a number, kept as ONNX graphs for want of a form that is safe to load."""
