"""PyTorch: modules that give a probability, kept as ONNX graphs for want of another form that is safe to load."""
