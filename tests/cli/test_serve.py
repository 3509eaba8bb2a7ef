"""`shipway serve` becomes the prediction process."""

import json
import signal
import subprocess
import sys
import urllib.request

import pytest

COMMAND = """
import sys
from pathlib import Path
from shipway.cli.door import Door
from shipway.cli.serve import serve
serve(port=0, replay=len(sys.argv) > 2, door=Door(folder=Path(sys.argv[1])))
"""


@pytest.mark.parametrize("words", [(), ("replay",)])
def test_command_becomes_the_server(shop, words):
    command = [sys.executable, "-c", COMMAND, str(shop.root), *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as process:
        line = process.stdout.readline()
        assert line.startswith("listening on http://127.0.0.1:")
        address = json.loads((shop.root / ".shipway" / "serving" / "server.json").read_text())
        assert address["pid"] == process.pid
        with urllib.request.urlopen(f"{address['url']}/v1/status", timeout=30) as answer:
            assert json.load(answer)["replay"] is bool(words)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
