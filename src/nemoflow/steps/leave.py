"""The gate's leave, which package and publish need."""

from nemoflow.evaluation.decision import FILE, Decision
from nemoflow.flow.step import Inputs


def refusal(inputs: Inputs) -> str:
    """Why the gate refused the adapter; empty where it did not, or where no gate is wired."""
    if "gate" not in inputs:
        return ""
    gate = inputs["gate"]
    decision = Decision.from_json(gate.json(FILE), f"{gate.address}/{FILE}")
    return "" if decision.passed else f"the gate refused the adapter: {decision.reason}"
