import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.inference.lease_memory import MemoryTeacher, Participant, World

from nemoflow.errors import ProviderError
from nemoflow.inference.leases import MOST_TURNS, SLACK_S, Lease, WorkflowName, look_at, settle, tidy, wanted


def of_workflow(number, replicas=1):
    return Lease(f"teacher-{number}", f"workflow w{number}", replicas, WorkflowName(name=f"w{number}", uid=f"uid-{number}"))


def waking(number, replicas):
    """A run that wakes the teacher and is at work when its pod has ended."""

    def work(teacher):
        teacher.hold(of_workflow(number, replicas))
        settle(teacher)

    return work


def whole(number, replicas):
    """A run that wakes the teacher, works, and gives it back."""

    def work(teacher):
        waking(number, replicas)(teacher)
        teacher.scale()  # some time at work
        teacher.drop(f"teacher-{number}")
        settle(teacher)

    return work


WORK = {"whole": whole, "waking": waking}
runs = st.lists(st.tuples(st.sampled_from(sorted(WORK)), st.integers(1, 3)), min_size=1, max_size=3)
orders = st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["go"] * 12 + ["before", "after", "over"])), max_size=60)
calm_orders = st.lists(st.tuples(st.integers(0, 5), st.just("go")), max_size=60)


def play(kinds, replicas, janitors, script):
    """Direct the participants by a script, then to their ends by turns; the world that they leave, and whether all lived to their ends."""
    world = World(replicas=replicas)
    for number, left in ((7, 2), (8, 1)):  # what an earlier day left behind
        if replicas >= left:
            world.kept[f"teacher-{number}"] = of_workflow(number, left)
            world.over.add(f"uid-{number}")
    people = [Participant(world, f"run-{n}", WORK[kind](n, size)) for n, (kind, size) in enumerate(kinds)]
    people += [Participant(world, f"janitor-{n}", tidy) for n in range(janitors)]
    for choice, order in script:
        alive = [person for person in people if not person.is_over]
        if not alive:
            break
        person = alive[choice % len(alive)]
        if order == "over":  # its Workflow is terminated or deleted; pods may go on for a while
            world.over.add(f"uid-{person.label.removeprefix('run-')}")
        else:
            person.step(order)
    while alive := [person for person in people if not person.is_over]:
        for person in alive:
            person.step()
    return world, people


@pytest.mark.parametrize("steps", range(12))
def test_a_decision_that_a_wake_has_overtaken_is_not_written(steps):
    world = World(replicas=1, kept={"teacher-7": of_workflow(7)}, over={"uid-7"})
    cleaning = Participant(world, "janitor", tidy)
    for _ in range(steps):
        if not cleaning.is_over:
            cleaning.step()
    settled_before = len(world.writes)
    waking(1, 2)(MemoryTeacher(world, "run-1"))
    while not cleaning.is_over:
        cleaning.step()
    assert world.writes[settled_before:] == [("run-1", 2)]
    assert is_right(world)


def is_right(world):
    return world.replicas == wanted(look_at(MemoryTeacher(world, "observer")))


@given(kinds=runs, replicas=st.integers(0, 3), janitors=st.integers(0, 2), script=orders)
@settings(max_examples=300)
def test_whatever_happens_to_whom_the_janitors_next_turn_leaves_the_teacher_up_for_live_runs_and_down_without(
    kinds, replicas, janitors, script
):
    world, _ = play(kinds, replicas, janitors, script)
    tidy(MemoryTeacher(world, "janitor"))
    assert is_right(world)
    assert all(seen.is_live for seen in look_at(MemoryTeacher(world, "observer")))


@given(kinds=runs, replicas=st.integers(0, 3), janitors=st.integers(0, 2), script=calm_orders)
@settings(max_examples=300)
def test_where_nobody_is_killed_the_teacher_is_right_without_a_janitor(kinds, replicas, janitors, script):
    world, people = play(kinds, replicas, janitors, script)
    assert not any(person.was_killed for person in people)
    assert is_right(world)
    assert {name for name in world.kept if int(name[-1]) < 7} == {f"teacher-{n}" for n, (kind, _) in enumerate(kinds) if kind == "waking"}


def test_a_lease_that_was_renewed_while_the_janitor_looked_is_not_dropped():
    world = World(kept={"a": Lease("a", "me@here", 1, duration_s=30, renewed=900, version="1")})
    teacher = MemoryTeacher(world, "janitor")
    seen = settle(teacher).dead[0].lease
    teacher.hold(Lease("a", "me@here", 1, duration_s=30, renewed=999))
    assert teacher.drop(seen.name, seen.version) is False
    assert settle(teacher).replicas == 1


@pytest.mark.parametrize(("ago", "is_live"), [(0, True), (30, True), (30 + SLACK_S, True), (31 + SLACK_S, False)])
def test_a_lease_of_no_workflow_lives_while_it_is_renewed(ago, is_live):
    world = World(kept={"a": Lease("a", "me@here", 1, duration_s=30, renewed=1000 - ago)})
    seen = look_at(MemoryTeacher(world, "observer"))[0]
    assert seen.is_live is is_live
    assert is_live or "not renewed for" in seen.why_dead


def test_runs_that_share_a_teacher_have_as_many_replicas_as_the_largest_wants():
    world = World(kept={f"teacher-{n}": of_workflow(n, n) for n in (1, 4, 2)})
    assert settle(MemoryTeacher(world, "wake")).replicas == 4
    world.over.add("uid-4")
    assert settle(MemoryTeacher(world, "release")).replicas == 2


def test_an_autoscaler_that_writes_all_the_time_is_named():
    world = World(kept={"teacher-1": of_workflow(1)})

    def meddle(after):
        if after:
            world.replicas = 5

    with pytest.raises(ProviderError, match=f"changed by others {MOST_TURNS} times in a row; is an autoscaler at it"):
        settle(MemoryTeacher(world, "wake", meddle))
