from nemoflow.submission.figures import figures

MADE = {"run": "r", "node": "n", "fingerprint": "0123456789abcdef", "config": {}, "outputs": {}, "status": "done"}


def said(role: str, **fields: object) -> dict[str, str]:
    return {figure.label: figure.value for figure in figures({role: {**MADE, **fields}}, (role,)).found}


def test_an_accuracy_stands_with_its_interval_and_with_how_it_was_asked():
    metrics = {"accuracy": 0.6125, "low": 0.56, "high": 0.66, "problems": 400, "accuracy_unit": 0.5}
    once = said("report", metrics=metrics)
    assert once["accuracy"] == "61.3 % of 400 problems (95 %: 56.0 % to 66.0 %)"
    assert (once["accuracy, unit"], once["responses to each problem"], once["temperature"]) == ("50.0 %", "1", "0")
    several = said("report", metrics={**metrics, "problems": 1600}, config={"samples": 4, "repeats": 1, "temperature": 0.6})
    assert several["accuracy"].startswith("61.3 % of 1,600 responses")
    assert (several["responses to each problem"], several["temperature"]) == ("4", "0.6")


def test_a_gain_without_doubt_has_no_interval():
    gain = "gain over the base, points"
    assert said("gate", metrics={"gain": 1.5, "low": 0.25, "high": 3.0})[gain] == "+1.50 (95 %: +0.25 to +3.00)"
    assert said("gate", metrics={"gain": 0.0, "low": 0.0, "high": 0.0})[gain] == "+0.00 (all changed alike: no interval)"


def test_a_figure_that_a_manifest_does_not_have_is_not_told():
    assert said("adapter", metrics={}) == {}
    assert "accuracy" not in said("report", metrics={"accuracy": 0.5})
    assert figures({}, ("gate", "corpus")).left_out == ["gate: no manifest was at hand", "corpus: no manifest was at hand"]
