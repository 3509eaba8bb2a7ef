"""FastAPI with pydantic on uvicorn: the model behind the Open Inference Protocol, as its tutorials would write it."""

import os

import numpy as np
import onnxruntime
from fastapi import FastAPI
from pydantic import BaseModel


class Tensor(BaseModel):
    """One input."""

    name: str
    shape: list[int]
    datatype: str
    data: list[float | None]


class Question(BaseModel):
    """What is asked."""

    id: str | None = None
    inputs: list[Tensor]


class Output(BaseModel):
    """One output."""

    name: str
    shape: list[int]
    datatype: str
    data: list[float]


class Answer(BaseModel):
    """What is answered."""

    model_name: str
    model_version: str
    outputs: list[Output]


options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(os.environ["BENCH_MODEL"], options, providers=["CPUExecutionProvider"])
name, last = session.get_inputs()[0].name, session.get_outputs()[-1].name
app = FastAPI()


@app.post("/v2/models/delay/infer")
async def infer(question: Question) -> Answer:
    """Predict."""
    tensor = question.inputs[0]
    x = np.array(tensor.data, dtype=np.float32).reshape(tensor.shape)
    p = session.run([last], {name: x})[0][:, 1]
    output = Output(name="probability", shape=[len(p)], datatype="FP32", data=p.tolist())
    return Answer(model_name="delay", model_version="1", outputs=[output])
