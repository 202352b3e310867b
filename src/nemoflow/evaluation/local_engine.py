"""The student in this process, as an engine of evaluations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from nemoflow.evaluation.asks import Ask
from nemoflow.evaluation.rollouts import Limits, Student, Surroundings, answer_all, engines
from nemoflow.records import Trace


@dataclass
class Local:
    """A loaded student that answers whatever it is asked."""

    student: Student
    limits: Limits
    around: Surroundings
    _spent: list[float] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The student's."""
        return self.student.name

    def answer(self, asks: Sequence[Ask]) -> list[Trace]:
        """Batch after batch; finished ones are found again."""
        return answer_all(self.student, asks, self.limits, replace(self.around, spent=self._spent.append))

    @property
    def facts(self) -> Mapping[str, str]:
        """Versions of the libraries, what is computed in, and where."""
        model = self.student.model
        device = "cpu"
        if model.device.type == "cuda":
            import torch

            device = str(torch.cuda.get_device_name(model.device))
        return {**engines(), "dtype": str(model.dtype).removeprefix("torch."), "device": device}

    @property
    def seconds(self) -> float | None:
        """Of all batches."""
        return sum(self._spent)
