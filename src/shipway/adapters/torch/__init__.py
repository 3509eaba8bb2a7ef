"""PyTorch: modules that give probabilities or a number, kept as ONNX graphs for want of a form that is safe to load."""
