"""Work in another process answers, tells, refuses and dies as if it were done here."""

from multiprocessing import active_children

from shipway.app.apart import call_apart
from shipway.app.demo import make_all
from shipway.app.progress import Event
from shipway.testing.refusal import expect_refusal


def test_the_result_and_what_happens_come_back(shop):
    told: list[Event] = []
    made = call_apart(make_all, shop.root, told.append)
    assert (made.project, made.made) == (shop.run.project, 0)
    assert {event.stage for event in told} == {"unchanged", "verdict", "note"}


def test_a_refusal_comes_back_as_itself(tmp_path):
    with expect_refusal("SW-101"):
        call_apart(make_all, tmp_path, print)


def test_a_process_that_is_killed_is_named(fresh):
    def kill(event: Event) -> None:
        for child in active_children():
            child.kill()

    with expect_refusal("SW-806"):
        call_apart(make_all, fresh, kill)
    assert not active_children()
