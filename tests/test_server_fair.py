"""Turns are fair: nobody starves, backlogs are served in proportion, and nobody idles while there is work that may go."""

from __future__ import annotations

from collections import Counter, defaultdict, deque

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from greencloud.server.fair import FairQueue
from profiles import examples

costs = st.integers(0, 1 << 20)
flows = st.sampled_from("abcd")


@given(st.lists(costs, min_size=50, max_size=80), st.lists(costs, min_size=50, max_size=80), st.integers(1, 4))
def test_of_two_backlogs_each_is_served_by_its_weight_to_within_a_request(a: list[int], b: list[int], weight: int) -> None:
    queue: FairQueue[tuple[str, int]] = FairQueue()
    for cost in a:
        queue.push("a", cost, ("a", cost), now=0, weight=weight)
    for cost in b:
        queue.push("b", cost, ("b", cost), now=0)
    served: Counter[str] = Counter()
    left = Counter({"a": len(a), "b": len(b)})
    most = max(*a, *b, weight) + len(a) * weight  # a cost is cut to a whole number, and is at least one
    while all(left.values()):
        found = queue.pop()
        assert found
        name, cost = found[1]
        served[name] += cost
        left[name] -= 1
        queue.done(found[0])
        if all(left.values()):
            assert abs(served["a"] / weight - served["b"]) <= 2 * most


@given(st.lists(costs, min_size=1, max_size=200), costs)
def test_a_neighbours_request_waits_for_no_more_than_one_of_a_backlog(backlog: list[int], small: int) -> None:
    queue: FairQueue[str] = FairQueue()
    for cost in backlog:
        queue.push("hostile", cost, "hostile", now=0)
    assert queue.pop() == ("hostile", "hostile")
    queue.push("neighbour", small, "neighbour", now=0)

    nexts = [queue.pop() for _ in range(min(2, len(backlog)))]
    assert ("neighbour", "neighbour") in nexts


class Turns(RuleBasedStateMachine):
    """Against a plain model: in order within a flow, never more than its share, and something whenever something may go."""

    share = 2

    def __init__(self) -> None:
        super().__init__()
        self.queue: FairQueue[int] = FairQueue()
        self.waiting: dict[str, deque[tuple[int, float]]] = defaultdict(deque)
        self.running: Counter[str] = Counter()
        self.number = 0
        self.now = 0.0

    @rule(flow=flows, cost=costs)
    def push(self, flow: str, cost: int) -> None:
        self.number += 1
        self.now += 1
        self.waiting[flow].append((self.number, self.now))
        self.queue.push(flow, cost, self.number, now=self.now, share=self.share)

    def may_go(self) -> set[str]:
        return {flow for flow, items in self.waiting.items() if items and self.running[flow] < self.share}

    @rule()
    def pop(self) -> None:
        found = self.queue.pop()
        if found is None:
            assert not self.may_go()
            return
        flow, item = found
        assert isinstance(flow, str)
        assert flow in self.may_go()
        assert self.waiting[flow].popleft()[0] == item
        self.running[flow] += 1

    @precondition(lambda self: self.running.total())
    @rule(choice=st.randoms(use_true_random=False))
    def done(self, choice: object) -> None:
        flow = choice.choice(sorted(self.running.elements()))  # type: ignore[attr-defined]
        self.running[flow] -= 1
        self.queue.done(flow)

    @rule(age=st.integers(0, 10))
    def expire(self, age: int) -> None:
        before = self.now - age
        gone = self.queue.expire(before)
        expected = [number for items in self.waiting.values() for number, queued in items if queued < before]
        assert sorted(gone) == sorted(expected)
        for items in self.waiting.values():
            while items and items[0][1] < before:
                items.popleft()

    @rule(flow=flows, cost=costs)
    def go(self, flow: str, cost: int) -> None:
        possible = not any(self.waiting.values()) and self.running[flow] < self.share
        assert self.queue.go(flow, cost, share=self.share) == possible
        self.running[flow] += possible

    @invariant()
    def what_waits_is_counted(self) -> None:
        assert len(self.queue) == sum(map(len, self.waiting.values()))


Turns.TestCase.settings = settings(max_examples=examples(25), stateful_step_count=60)
TestTurns = Turns.TestCase


@given(st.lists(st.tuples(flows, costs), max_size=100))
def test_everything_is_served_once(pushed: list[tuple[str, int]]) -> None:
    queue: FairQueue[int] = FairQueue()
    for number, (flow, cost) in enumerate(pushed):
        queue.push(flow, cost, number, now=0)
    served = []
    while found := queue.pop():
        served.append(found[1])
        queue.done(found[0])
    assert sorted(served) == list(range(len(pushed)))
    assert len(queue) == 0
