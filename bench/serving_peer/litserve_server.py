"""LitServe with the model behind it."""

import os
import sys

import litserve
import numpy as np
import onnxruntime


class Delay(litserve.LitAPI):
    """Answers with the model."""

    def setup(self, device: str) -> None:  # noqa: ARG002
        """Load the graph."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            os.environ["BENCH_MODEL"], options, providers=["CPUExecutionProvider"]
        )
        self.input, self.output = self.session.get_inputs()[0].name, self.session.get_outputs()[-1].name

    def decode_request(self, request: dict) -> np.ndarray:
        """Read the tensor."""
        tensor = request["inputs"][0]
        return np.array(tensor["data"], dtype=np.float32).reshape(tensor["shape"])

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Predict."""
        return self.session.run([self.output], {self.input: x})[0][:, 1]

    def encode_response(self, output: np.ndarray) -> dict:
        """Write the answer."""
        tensor = {"name": "probability", "shape": [len(output)], "datatype": "FP32", "data": output.tolist()}
        return {"model_name": "delay", "outputs": [tensor]}


if __name__ == "__main__":
    server = litserve.LitServer(Delay(api_path="/v2/models/delay/infer"), accelerator="cpu")
    server.run(port=int(sys.argv[1]), host="127.0.0.1", generate_client_file=False, log_level="warning")
