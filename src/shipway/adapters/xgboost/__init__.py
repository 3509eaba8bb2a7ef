"""XGBoost: its binary models as JSON, and as ONNX trees."""
