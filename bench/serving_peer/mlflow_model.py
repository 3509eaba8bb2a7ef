"""The model as MLflow keeps models that are code; as a program, it saves itself for `mlflow models serve`.

usage: mlflow_model.py GRAPH FOLDER
"""

import sys

import mlflow
import numpy as np
import onnxruntime


class Delay(mlflow.pyfunc.PythonModel):
    """Answers with the model."""

    def load_context(self, context) -> None:
        """Load the graph."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            context.artifacts["graph"], options, providers=["CPUExecutionProvider"]
        )
        self.input, self.output = self.session.get_inputs()[0].name, self.session.get_outputs()[-1].name

    def predict(self, context, model_input, params=None):  # noqa: ARG002
        """Predict."""
        x = np.asarray(model_input, dtype=np.float32)
        return self.session.run([self.output], {self.input: x})[0][:, 1]


if __name__ == "__main__":
    mlflow.pyfunc.save_model(sys.argv[2], python_model=__file__, artifacts={"graph": sys.argv[1]})
else:
    mlflow.models.set_model(Delay())
