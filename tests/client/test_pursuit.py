"""What a client decides, driven by hand: no socket, and a clock that moves when it is told to."""

from dataclasses import dataclass, field

import pytest

from shipway.client.endpoint import Endpoint, Endpoints
from shipway.client.policy import Budget, Latencies, Policy
from shipway.client.pursuit import Answered, Attempt, Fault, Pause, Question, Shared, pursue
from shipway.client.wire import Reply
from shipway.core.error import ShipwayError

ASK = Question("POST", "/x")
ONCE_ONLY = Question("POST", "/x", repeats=False)


def reply(status=200, head=b""):
    return Reply(status, b"HTTP/1.1 200 X\r\n" + head, b"{}", keeps=True)


@dataclass
class World:
    """A client's shared part, what happened, and what is to become of each attempt in turn."""

    policy: Policy = field(default_factory=Policy)
    urls: tuple = ("http://a:1", "http://b:1")
    now: float = 100.0
    drawn: float = 0.5
    steps: list = field(default_factory=list)

    def __post_init__(self):
        self.shared = Shared(
            policy=self.policy,
            endpoints=Endpoints(self.urls, lambda: self.now),
            retries=Budget(self.policy.retry_share, self.policy.retry_burst),
            hedges=Budget(self.policy.hedge_share, 1.0),
            latencies=Latencies(),
            now=lambda: self.now,
            draw=lambda: self.drawn,
        )

    def ask(self, *outcomes, question=ASK, timeout_s=5.0):
        """Ask; each outcome is made of the endpoint that was asked."""
        pursuit = pursue(question, self.shared, timeout_s)
        waiting, step = iter(outcomes), next(pursuit)
        while True:
            self.steps.append(step)
            try:
                if isinstance(step, Pause):
                    self.now += step.seconds
                    step = pursuit.send(None)
                else:
                    step = pursuit.send(next(waiting)(step.endpoint))
            except StopIteration as end:
                return end.value

    @property
    def asked(self):
        return [step.endpoint.host for step in self.steps if isinstance(step, Attempt)]

    @property
    def pauses(self):
        return [step.seconds for step in self.steps if isinstance(step, Pause)]


def says(status, head=b""):
    return lambda endpoint: Answered(endpoint, reply(status, head), 0.01)


def fails(**how):
    return lambda endpoint: Fault(endpoint, "it broke", **{"sent": True} | how)


def test_servers_are_asked_in_turn():
    world = World(urls=("http://a:1", "http://b:1", "http://c:1"))
    for _ in range(6):
        world.ask(says(200))
    assert world.asked == ["a", "b", "c", "a", "b", "c"]


def test_one_that_failed_rests_longer_each_time_and_is_asked_again():
    world = World()
    world.ask(fails(), says(200))
    assert world.asked == ["a", "b"]
    assert world.pauses == [0.025]
    world.ask(says(200))
    assert world.asked[-1] == "b"
    world.now += 0.5
    world.ask(says(200))
    world.ask(says(200))
    assert set(world.asked[-2:]) == {"a", "b"}


def test_where_all_rest_the_one_that_rests_least_is_asked():
    world = World(policy=Policy(attempts=1))
    for _ in range(2):
        with pytest.raises(ShipwayError):
            world.ask(fails(sent=False))
    assert world.asked == ["a", "b"]
    with pytest.raises(ShipwayError):
        world.ask(fails(sent=False))
    assert world.asked[-1] == "a"


def test_what_may_have_been_taken_is_sent_again_only_if_that_does_no_harm():
    for outcome, times in ((fails(), 1), (fails(sent=False), 2), (says(503), 2), (says(502), 1)):
        world = World(urls=("http://a:1",))
        if times == 2:
            world.ask(outcome, says(200), question=ONCE_ONLY)
        elif outcome(Endpoint("a", 1)).__class__ is Fault:
            with pytest.raises(ShipwayError, match="it broke"):
                world.ask(outcome, question=ONCE_ONLY)
        else:
            assert world.ask(outcome, question=ONCE_ONLY).status == 502
        assert len(world.asked) == times


def test_pauses_are_drawn_from_what_doubles_up_to_a_longest():
    policy = Policy(attempts=6, backoff_s=0.1, longest_s=0.5, timeout_s=60.0)
    world = World(policy=policy, urls=("http://a:1",), drawn=0.5)
    with pytest.raises(ShipwayError, match="asked 6 times"):
        world.ask(*[fails()] * 6, timeout_s=60.0)
    assert world.pauses == [0.05, 0.1, 0.2, 0.25, 0.25]


def test_the_same_server_is_left_alone_for_as_long_as_it_asks():
    world = World(urls=("http://a:1",))
    world.ask(says(503, b"retry-after: 2\r\n"), says(200))
    assert world.pauses == [2.025]
    other = World()
    other.ask(says(429, b"retry-after: 2\r\n"), says(200))
    assert (other.asked, other.pauses) == (["a", "b"], [0.025])


def test_nobody_waits_beyond_the_deadline():
    world = World(urls=("http://a:1",))
    assert world.ask(says(503, b"retry-after: 2\r\n"), timeout_s=2.0).status == 503
    assert world.pauses == []
    with pytest.raises(ShipwayError, match=r"no answer from a:1 within 1 s"):
        world.ask(fails(late=True), timeout_s=1.0)


def test_every_attempt_has_the_deadline_of_the_call():
    world = World()
    world.ask(fails(), fails(), says(200), timeout_s=3.0)
    assert {step.deadline for step in world.steps if isinstance(step, Attempt)} == {103.0}


def test_a_kept_connection_that_was_closed_tells_nothing_of_the_server():
    world = World(urls=("http://a:1",))
    world.ask(fails(stale=True), says(200))
    assert world.pauses == []
    assert world.shared.endpoints.all[0].failures == 0
    assert [step.fresh for step in world.steps] == [False, True]


def test_kept_connections_that_were_closed_spend_neither_attempts_nor_retries():
    world = World(urls=("http://a:1",), policy=Policy(attempts=2, retry_share=0.0, retry_burst=1.0))
    for _ in range(20):
        world.ask(fails(stale=True), says(200))
    world.ask(fails(stale=True), fails(), says(200))
    assert len(world.asked) == 43


@pytest.mark.parametrize(
    ("policy", "question", "outcome"),
    [
        (Policy(attempts=1), ASK, fails(stale=True)),
        (Policy(), ONCE_ONLY, fails(stale=True)),
        (Policy(retry_share=0.0, retry_burst=0.0), ASK, fails()),
    ],
)
def test_what_may_not_be_sent_again_is_not(policy, question, outcome):
    world = World(urls=("http://a:1",), policy=policy)
    with pytest.raises(ShipwayError, match="it broke"):
        world.ask(outcome, question=question)
    assert len(world.asked) == 1


def test_retries_stay_within_their_budget_whatever_fails():
    world = World(policy=Policy(retry_burst=5.0), urls=("http://a:1",))
    for _ in range(200):
        world.steps.clear()
        world.ask(*[says(503)] * 3)
    for _ in range(1000):
        world.ask(*[says(503)] * 3)
    assert 1000 * 0.1 - 1 <= len(world.asked) - 1000 - 1 <= 1000 * 0.1 + 5


def test_a_hedge_comes_after_what_nearly_all_answers_took():
    world = World(policy=Policy(hedge="p95", hedge_share=0.05))
    for place in range(64):
        world.ask(lambda endpoint, place=place: Answered(endpoint, reply(), 0.01 * (place + 1)))
    attempts = [step for step in world.steps if isinstance(step, Attempt)]
    assert attempts[0].hedge_s is None
    assert attempts[-1].hedge_s == pytest.approx(0.31)
    world.ask(says(200), question=ONCE_ONLY)
    assert world.steps[-1].hedge_s is None
    world.ask(says(200), timeout_s=0.2)
    assert world.steps[-1].hedge_s is None


def test_hedges_go_elsewhere_and_stay_within_their_budget():
    world = World(policy=Policy(hedge=0.01, hedge_share=0.1))
    hedged = 0
    for _ in range(200):
        world.ask(says(200))
        other = world.steps[-1].other()
        if other is not None:
            hedged += 1
            assert other is not world.steps[-1].endpoint
    assert 200 * 0.1 - 1 <= hedged <= 200 * 0.1 + 1
