"""scikit-learn: its estimators, kept as ONNX graphs because they have no other form that is safe to load."""
