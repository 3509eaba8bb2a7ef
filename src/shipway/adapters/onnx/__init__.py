"""ONNX: the portable form of a model, and the engine that runs it."""
