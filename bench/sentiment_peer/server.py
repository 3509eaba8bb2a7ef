"""Two sentiment models behind the Open Inference Protocol, with nothing of shipway in the process.

It runs in an environment of its own: `pip install vaderSentiment textblob`. VADER's compound score and TextBlob's
polarity are one number between -1 and 1 for each text, as output `score` of the models `vader` and `textblob`.

    python bench/sentiment_peer/server.py PORT
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from textblob import TextBlob
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

VADER = SentimentIntensityAnalyzer()
MODELS = {
    "vader": lambda text: VADER.polarity_scores(text)["compound"],
    "textblob": lambda text: TextBlob(text).sentiment.polarity,
}


class Handler(BaseHTTPRequestHandler):
    """Answers metadata and inference, over connections that stay open."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        """Describe a model."""
        name = self.path.removeprefix("/v2/models/")
        if name not in MODELS:
            return self._answer(404, {"error": f"no model {name}"})
        inputs = [{"name": "text", "datatype": "BYTES", "shape": [-1]}]
        outputs = [{"name": "score", "datatype": "FP64", "shape": [-1]}]
        return self._answer(
            200, {"name": name, "versions": ["1"], "platform": "", "inputs": inputs, "outputs": outputs}
        )

    def do_POST(self):
        """Score texts."""
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        name = self.path.removeprefix("/v2/models/").removesuffix("/infer")
        texts = body["inputs"][0]["data"]
        scores = [MODELS[name](text) for text in texts]
        tensor = {"name": "score", "datatype": "FP64", "shape": [len(scores)], "data": scores}
        self._answer(200, {"model_name": name, "model_version": "1", "id": body.get("id", ""), "outputs": [tensor]})

    def _answer(self, status, said):
        content = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format, *args):  # noqa: A002  (the library's name)
        """Say nothing."""


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
