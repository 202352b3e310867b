import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.argo.quotas import CELL, GPU, cluster_queue, team

from nemoflow.argo.quota import Ask, Cohort, Flavor, Limits, Quotas, Team, asked, read_cohort, read_flavor, read_team

counts = st.integers(0, 12)
maybe = st.none() | counts


@st.composite
def worlds(draw: st.DrawFn) -> Quotas:
    """Up to four teams in one Cohort, which may have a Cohort above it with a team of its own."""
    teams = {}
    for name in draw(st.lists(st.sampled_from("abcd"), min_size=1, max_size=4, unique=True)):
        nominal = draw(counts)
        lending = draw(st.none() | st.integers(0, nominal))
        teams[name] = team(name, nominal, draw(maybe), lending, cohort=draw(st.sampled_from(["low", "low", "high", ""])))
        if not teams[name].cohort:
            teams[name] = team(name, nominal, cohort="")
    above = draw(st.sampled_from(["", "high"]))
    cohorts = {"low": Cohort("low", above, {CELL: Limits(draw(st.integers(0, 3)))}), "high": Cohort("high")}
    return Quotas(teams, cohorts)


def use(quotas: Quotas, name: str, amount: float) -> Quotas:
    teams = dict(quotas.teams)
    old = teams[name]
    teams[name] = Team(old.name, old.cohort, old.groups, {CELL: old.used.get(CELL, 0) + amount})
    return Quotas(teams, quotas.cohorts, quotas.flavors)


@given(worlds())
def test_where_nobody_has_anything_what_is_free_is_the_most_that_could_be_had(quotas):
    for name in quotas.teams:
        assert quotas.free(name, CELL) == quotas.most(name, CELL)


@given(worlds(), st.data())
def test_whoever_takes_what_is_free_never_takes_more_together_than_there_is_nor_alone_than_the_limits_say(quotas, data):
    whole = sum(each.cells[CELL].nominal for each in quotas.teams.values()) + quotas.cohorts["low"].cells[CELL].nominal
    for _ in range(8):
        name = data.draw(st.sampled_from(sorted(quotas.teams)))
        free = quotas.free(name, CELL)
        if free >= 1:
            quotas = use(quotas, name, data.draw(st.integers(1, int(free))))
    assert sum(each.used[CELL] for each in quotas.teams.values()) <= whole
    for name, each in quotas.teams.items():
        limits = each.cells[CELL]
        assert each.used[CELL] <= quotas.most(name, CELL)
        if limits.borrowing is not None:
            assert each.used[CELL] <= limits.nominal + limits.borrowing
        assert quotas.free(name, CELL) >= 0


@given(worlds(), st.data())
def test_what_a_team_does_not_lend_is_always_free_for_it(quotas, data):
    for name in sorted(quotas.teams):
        for other in sorted(set(quotas.teams) - {name}):
            free = quotas.free(other, CELL)
            if free >= 1:
                quotas = use(quotas, other, data.draw(st.integers(0, int(free))))
        kept = quotas.teams[name].cells[CELL].kept
        used = quotas.teams[name].used[CELL]
        assert quotas.free(name, CELL) >= kept - used


def test_it_is_the_sum_that_kueue_made_of_two_teams():
    """Seen on Kueue 0.18.3: `maximum capacity (3)` for the first of these."""
    quotas = Quotas({"a": team("a", 2, borrowing=2), "b": team("b", 2, lending=1)})
    assert (quotas.most("a", CELL), quotas.most("b", CELL)) == (3, 4)
    assert quotas.obstacles("a", Ask({GPU: 3})) == []
    (said,) = quotas.obstacles("a", Ask({GPU: 9}))
    assert said == f"{GPU}: 9 can never be had by a at once (h100: at most 3, 1 of it borrowed); at most 3 is right"
    assert use(quotas, "a", 3).teams["a"].borrowed(CELL) == 1


def test_a_resource_that_a_queue_does_not_cover_is_named_with_those_it_does():
    quotas = Quotas({"a": team("a", 2)})
    assert quotas.obstacles("a", Ask({"amd.com/gpu": 1})) == [f"amd.com/gpu: the quota of a does not cover it; it covers {GPU}"]


LABELS = {"product": "H100"}


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (Ask({GPU: 1}, {"product": "A100"}), "its nodes have not product = A100"),
        (Ask({GPU: 1}, {"zone": "north"}), ""),
        (Ask({GPU: 1}, LABELS), "its nodes have the taint spot, which the pod does not stand"),
        (Ask({GPU: 1}, LABELS, ({"key": "spot", "operator": "Exists"},)), ""),
        (Ask({GPU: 1}, LABELS, ({"key": "spot", "value": "no"},)), "its nodes have the taint spot, which the pod does not stand"),
        (Ask({GPU: 1}, LABELS, ({"operator": "Exists"},)), ""),
    ],
)
def test_a_pod_goes_only_to_nodes_whose_labels_it_wants_and_whose_taints_it_stands(ask, said):
    flavor = Flavor("h100", LABELS, ({"key": "spot", "value": "yes", "effect": "NoSchedule"},))
    plain = Quotas({"a": team("a", 2)}, flavors={"h100": Flavor("h100", LABELS)})
    tainted = Quotas({"a": team("a", 2)}, flavors={"h100": flavor})
    if "zone" in ask.node_selector or ask.node_selector.get("product") == "A100":
        assert plain.refusal("h100", {"h100": {}}, ask) == said
    else:
        assert tainted.refusal("h100", {"h100": {}}, ask) == said
    assert bool(tainted.obstacles("a", ask)) is bool(tainted.refusal("h100", {"h100": {}}, ask))


def test_a_taint_that_the_flavor_itself_lets_pods_stand_stops_nobody():
    taint = {"key": "spot", "effect": "NoSchedule"}
    flavor = read_flavor(
        {"metadata": {"name": "h100"}, "spec": {"nodeTaints": [taint], "tolerations": [{"key": "spot", "operator": "Exists"}]}}
    )
    assert Quotas({"a": team("a", 2)}, flavors={"h100": flavor}).obstacles("a", Ask({GPU: 1})) == []


def test_objects_are_read_as_the_api_has_them():
    found = read_team({"metadata": {"name": "a"}, **cluster_queue(4, used=3, borrowingLimit=2, lendingLimit=1)})
    assert found.cells[CELL] == Limits(4, 2, 1)
    assert found.cells["any", "cpu"].nominal == 1e6
    assert found.used == {CELL: 3}
    assert (found.cohort, found.trouble) == ("all", "")
    status = {"conditions": [{"type": "Active", "status": "False", "message": "flavor not found"}]}
    assert read_team({"metadata": {"name": "a"}, "spec": {}, "status": status}).trouble == "flavor not found"
    assert read_cohort({"metadata": {"name": "low"}, "spec": {"parentName": "high"}}) == Cohort("low", "high")


def test_a_pod_asks_for_the_sum_of_its_containers_and_a_limit_alone_is_a_wish_too():
    pod = {
        "containers": [{"resources": {"requests": {"cpu": "500m"}, "limits": {GPU: "2"}}}, {"resources": {"requests": {"cpu": "1"}}}, {}]
    }
    assert asked(pod).amounts == {"cpu": 1.5, GPU: 2}
    assert asked(pod).gpus == {GPU: 2}
