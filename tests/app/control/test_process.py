"""The controller as a process: one at a time, at every tick once, and gone when its parent is."""

import json
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import msgspec
import pytest

from shipway.app.control.process import hold_lease, run_controller
from shipway.app.replay.clock import ReplayClock, read_reconciled, write_clock
from shipway.core.error import ShipwayError
from shipway.core.service import Routing
from shipway.kit.canonical import canonical_json
from shipway.kit.duration import DAY

START = 18_262 * DAY


@contextmanager
def serve(root):
    """Serve a project's routings as its server does, from a table."""
    routings = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            name = self.path.split("/")[3]
            unknown = {"code": "SW-104", "fact": "no such service", "hint": "route it"}
            self.answer(200 if name in routings else 404, routings.get(name, unknown))

        def do_PUT(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            routing = msgspec.json.decode(body, type=Routing)
            routings[routing.service] = routing
            self.answer(200, {})

        def answer(self, status, value):
            body = canonical_json(value)
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    folder = root / ".shipway" / "serving"
    folder.mkdir(parents=True, exist_ok=True)
    url = f"http://127.0.0.1:{server.server_port}"
    (folder / "server.json").write_text(json.dumps({"pid": 1, "port": server.server_port, "url": url}))
    try:
        yield routings
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def registered(desk):
    """Return a desk with two versions and a replay that stands at its start."""
    desk.add('\n[replay]\nservice = "desk"\nperiod = [2020-01-01, 2020-03-01]\n')
    desk.add('\n\nsw.gate("canary", sw.prediction_shift <= 0.25, before="step")\n', "project.py")
    with desk.workspace() as workspace:
        for _ in range(2):
            desk.register(workspace)
    (desk.root / ".shipway" / "replay").mkdir()
    move(desk, 0)
    return desk


def move(desk, day):
    clock = ReplayClock(position=START + day * DAY, start=START, end=START + 60 * DAY)
    write_clock(desk.root / ".shipway" / "replay", clock)


def reconciled(desk):
    tick = read_reconciled(desk.root / ".shipway" / "replay")
    return None if tick is None else (tick - START) // DAY


def wait_for(condition, seconds=30.0):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.005)


@contextmanager
def controlling(desk, **options):
    """Run a controller in a thread, and end it."""
    stop, failed = threading.Event(), []

    def run():
        try:
            run_controller(desk.project, stop=stop, **options)
        except ShipwayError as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield failed
    finally:
        stop.set()
        thread.join()


def test_a_replays_ticks_are_answered_one_by_one(registered):
    with serve(registered.root) as routings, controlling(registered) as failed:
        for day in range(3):
            move(registered, day)
            wait_for(lambda day=day: reconciled(registered) == day)
    assert failed == []
    assert routings["desk"].stable.version == 1
    assert routings["desk"].candidate.version == 2
    with registered.workspace() as workspace:
        assert workspace.state().services["desk"].opened_at == START


def test_a_server_that_is_not_there_yet_is_waited_for(registered):
    said = []
    with controlling(registered, watch=lambda event: said.append(event.said)) as failed:
        wait_for(lambda: any("no server serves" in each for each in said))
        assert reconciled(registered) is None
        with serve(registered.root) as routings:
            wait_for(lambda: reconciled(registered) == 0)
    assert failed == []
    assert routings["desk"].stable.version == 1
    assert sum("no server serves" in each for each in said) == 1


def test_once_a_server_that_is_not_there_is_told(registered):
    with pytest.raises(ShipwayError, match="SW-801"):
        run_controller(registered.project, once=True)
    assert reconciled(registered) is None


def test_a_second_controller_is_refused_or_waits(registered):
    stop = threading.Event()
    with registered.workspace() as workspace, serve(registered.root), ExitStack() as first:
        first.enter_context(hold_lease(workspace, wait=False, stop=stop))
        with pytest.raises(ShipwayError, match=r"SW-603 process \d+ controls trial"):
            run_controller(registered.project, once=True)
        with controlling(registered, wait=True) as failed:
            first.close()
            wait_for(lambda: reconciled(registered) == 0)
        assert failed == []


def test_a_controller_that_waits_can_be_stopped(registered):
    with registered.workspace() as workspace, hold_lease(workspace, wait=False, stop=threading.Event()):
        with controlling(registered, wait=True) as failed:
            pass
        assert failed == []
        assert reconciled(registered) is None


def test_nobody_takes_over_from_a_controller_that_runs(registered):
    with registered.workspace() as workspace, serve(registered.root), controlling(registered, wait=True):
        wait_for(lambda: reconciled(registered) == 0)
        with pytest.raises(ShipwayError, match="SW-603"), hold_lease(workspace, wait=False, stop=threading.Event()):
            raise AssertionError("two at once")


def test_without_a_replay_the_clock_is_followed(registered, shipway):
    (registered.root / ".shipway" / "replay" / "clock.json").unlink()
    with serve(registered.root) as routings:
        answer = shipway("control", "--once", cwd=registered.root)
        assert answer.code == 0, answer.err
    assert "opened with version 2" in answer.err
    assert routings["desk"].stable.version == 2
    with registered.workspace() as workspace:
        assert workspace.state().services["desk"].opened_at > START + 365 * DAY


def test_a_project_without_a_service_is_refused(desk):
    path = desk.root / "shipway.toml"
    path.write_text(path.read_text().partition("[services.desk]")[0])
    with pytest.raises(ShipwayError, match=r"SW-104 shipway\.toml configures no service"):
        run_controller(desk.project)


def test_a_damaged_ledger_is_refused_before_anything_is_decided(registered):
    anchor = registered.root / ".shipway" / "ledger.anchor"
    head = json.loads(anchor.read_text())
    anchor.write_text(json.dumps({**head, "digest": "0" * 64}))
    with serve(registered.root) as routings, pytest.raises(ShipwayError, match="SW-604"):
        run_controller(registered.project, once=True)
    assert routings == {}


def test_a_child_ends_with_its_parents_hold_on_it(registered):
    command = [sys.executable, "-m", "shipway.app.control", "--project", str(registered.root), "--watch-stdin"]
    with serve(registered.root), subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        wait_for(lambda: reconciled(registered) == 0)
        child.stdin.close()
        assert child.wait(30) == 0
        assert b"opened with version 1" in child.stderr.read()


def test_a_child_says_what_is_wrong(tmp_path):
    command = [sys.executable, "-m", "shipway.app.control", "--project", str(tmp_path), "--once"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error SW-101")
