"""BentoML with the model behind it, in its asynchronous form, which is the quicker one."""

import os

import bentoml
import numpy as np
import onnxruntime


@bentoml.service(workers=1, traffic={"timeout": 30})
class Delay:
    """Answers with the model."""

    def __init__(self) -> None:
        """Load the graph."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            os.environ["BENCH_MODEL"], options, providers=["CPUExecutionProvider"]
        )
        self.input, self.output = self.session.get_inputs()[0].name, self.session.get_outputs()[-1].name

    @bentoml.api(route="/v2/models/delay/infer")
    async def infer(self, inputs: list[dict]) -> dict:
        """Predict."""
        x = np.array(inputs[0]["data"], dtype=np.float32).reshape(inputs[0]["shape"])
        p = self.session.run([self.output], {self.input: x})[0][:, 1]
        tensor = {"name": "probability", "shape": [len(p)], "datatype": "FP32", "data": p.tolist()}
        return {"model_name": "delay", "outputs": [tensor]}
