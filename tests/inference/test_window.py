import asyncio

from hypothesis import given
from hypothesis import strategies as st

from nemoflow.inference.window import Window


class Server:
    """Takes `each_s` for a request, so many at once; the rest queue. Time is made."""

    def __init__(self, at_once: int, each_s: float = 1.0) -> None:
        self.at_once, self.each_s, self.now = at_once, each_s, 0.0

    def turn(self, window: Window) -> None:
        """One window's worth of requests, all slots taken and more waiting."""
        limit = window.limit
        window._was_full = True
        self.now += self.each_s * max(1.0, limit / self.at_once)
        for _ in range(limit):
            window.answered()


def after(turns, most, start, at_once):
    server = Server(at_once)
    window = Window(most, start, clock=lambda: server.now)
    for _ in range(turns):
        server.turn(window)
    return window, server


def test_it_rises_while_the_server_gives_more_and_stops_where_it_queues():
    window, server = after(12, most=1024, start=8, at_once=100)
    assert 64 <= window.limit <= 160
    for _ in range(200):
        server.turn(window)
        assert 64 <= window.limit <= 160


def test_it_rises_to_the_most_where_nothing_queues():
    assert after(8, most=256, start=8, at_once=10**6)[0].limit == 256


def test_a_turn_in_which_nobody_waited_says_nothing():
    server = Server(10**6)
    window = Window(64, 8, clock=lambda: server.now)
    for _ in range(100):
        server.now += 0.1
        window.answered()
    assert window.limit == 8


def test_it_falls_when_pressed_once_a_moment_and_comes_back_slowly():
    window, server = after(8, most=256, start=8, at_once=10**6)
    for _ in range(50):
        window.pressed()
    assert window.limit == 192
    server.now += 5
    for _ in range(30):
        window.pressed()
    assert window.limit == 144
    for _ in range(40):
        server.turn(window)
    assert window.limit == 256


def test_a_few_refusals_among_many_answers_are_noise():
    window, server = after(8, most=256, start=8, at_once=10**6)
    for _ in range(50):
        for _ in range(12):
            window.pressed()
        server.turn(window)
    assert window.limit == 256


@given(st.lists(st.sampled_from(["answered", "pressed", "later"]), max_size=300), st.integers(1, 50), st.integers(1, 50))
def test_whatever_happens_there_is_room_for_one_and_never_for_more_than_the_most(events, most, start):
    now = 0.0
    window = Window(most, start, clock=lambda: now)
    for event in events:
        if event == "later":
            now += 2
        else:
            getattr(window, event)()
        window._was_full = True
        assert 1 <= window.limit <= most


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=1, max_size=30), st.integers(1, 4))
def test_slots_are_never_lost_whoever_is_cancelled(visits, most):
    async def play():
        window = Window(most)
        worst = 0

        async def visit(steps):
            nonlocal worst
            async with window.slot():
                worst = max(worst, window.in_flight)
                for _ in range(steps):
                    await asyncio.sleep(0)

        tasks = [asyncio.create_task(visit(steps)) for steps, _ in visits]
        await asyncio.sleep(0)
        for task, (_, is_cancelled) in zip(tasks, visits, strict=True):
            if is_cancelled:
                task.cancel()
                await asyncio.sleep(0)
        await asyncio.gather(*tasks, return_exceptions=True)
        assert window.in_flight == 0
        assert worst <= most
        await asyncio.wait_for(visit(0), 1)

    asyncio.run(play())
