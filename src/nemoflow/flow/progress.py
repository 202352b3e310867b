"""Progress of long work: a bar on a terminal, plain lines in a log."""

import sys
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TextIO

LINE_EVERY_S = 10.0
CHART_WIDTH, CHART_HEIGHT = 80, 8
"""Most columns, and rows, of a chart on a terminal."""


class Quiet:
    """Shows nothing; for tests and for callers that show their own."""

    def start(self, label: str, total: int | None = None, chart: str = "") -> None:
        """Nothing."""

    def advance(self, amount: int = 1, **figures: float | int | str) -> None:
        """Nothing."""

    def note(self, message: str) -> None:
        """Nothing."""

    def stop(self) -> None:
        """Nothing."""


class Lines:
    """Plain lines, at most one every `every_s` seconds for a count, so that a log stays readable."""

    def __init__(self, stream: TextIO, every_s: float = LINE_EVERY_S, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream, self._every_s, self._clock = stream, every_s, clock
        self._label, self._count = "", 0
        self._total: int | None = None
        self._begun = self._last = clock()

    def start(self, label: str, total: int | None = None, chart: str = "") -> None:
        """Begin a count."""
        self._label, self._total, self._count = label, total, 0
        self._begun = self._last = self._clock()

    def advance(self, amount: int = 1, **figures: float | int | str) -> None:
        """Count on; writes a line when the last one is old enough or the count is complete."""
        self._count += amount
        now = self._clock()
        if now - self._last >= self._every_s:
            self._last = now
            self._stream.write(f"    {self._label}: {self._state(now)}{_figures(figures)}\n")
            self._stream.flush()

    def note(self, message: str) -> None:
        """One line."""
        self._stream.write(f"    {message}\n")
        self._stream.flush()

    def stop(self) -> None:
        """Nothing: what was written stays."""

    def _state(self, now: float) -> str:
        rate = self._count / max(now - self._begun, 1e-9)
        if not self._total:
            return f"{self._count} ({rate:.1f}/s)"
        left = (self._total - self._count) / max(rate, 1e-9)
        return f"{self._count} of {self._total} ({rate:.1f}/s, {left:.0f} s left)"


class Bar:
    """A bar of the rich library, redrawn in place; it vanishes when the next count starts."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._bar: Any = None
        self._task: Any = None
        self._chart, self._course = "", list[float]()

    def start(self, label: str, total: int | None = None, chart: str = "") -> None:
        """Begin a count."""
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        self.stop()
        self._chart, self._course = chart, []
        bar = self

        class Drawn(RichProgress):
            def get_renderables(self) -> Iterable[Any]:
                if len(bar._course) > 1:
                    yield course(bar._chart, bar._course, min(self.console.width - 8, CHART_WIDTH))
                yield from super().get_renderables()

        columns = (
            TextColumn("    {task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[figures]}"),
        )
        self._bar = Drawn(*columns, console=Console(file=self._stream), transient=True)
        self._bar.start()
        self._task = self._bar.add_task(label, total=total, figures="")

    def advance(self, amount: int = 1, **figures: float | int | str) -> None:
        """Count on."""
        if isinstance(value := figures.get(self._chart), float):
            self._course.append(value)
        if self._bar is not None:
            self._bar.update(self._task, advance=amount, figures=_figures(figures))

    def note(self, message: str) -> None:
        """One line above the bar."""
        if self._bar is not None:
            self._bar.console.print(f"    {message}", markup=False, highlight=False)
        else:
            self._stream.write(f"    {message}\n")

    def stop(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def course(name: str, values: Sequence[float], width: int, height: int = CHART_HEIGHT) -> str:
    """Values from left to right in Braille dots, two across and four up a character; each column is the mean of a stretch of equal length.

    The highest and the lowest mean stand beside it.
    """
    columns = min(2 * max(width - 12, 1), len(values))
    ends = [len(values) * (index + 1) // columns for index in range(columns)]
    means = [sum(values[start:end]) / (end - start) for start, end in zip([0, *ends], ends, strict=False)]
    low, high = min(means), max(means)
    rows = [[0] * ((columns + 1) // 2) for _ in range(height)]
    for index, mean in enumerate(means):
        dot = round((high - mean) / (high - low) * (4 * height - 1)) if high > low else 4 * height - 1
        rows[dot // 4][index // 2] |= _DOTS[index % 2][dot % 4]
    drawn = ["".join(chr(0x2800 + dots) for dots in row) for row in rows]
    edges = {0: f"{high:.4g}", height - 1: f"{low:.4g}"}
    return "\n".join([f"    {name}", *(f"    {edges.get(index, ''):>11} {line}" for index, line in enumerate(drawn))])


_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
"""Bits of a Braille character: left and right column, from the top."""


def _figures(figures: dict[str, Any]) -> str:
    return "".join(f"  {name} {value:.4g}" if isinstance(value, float) else f"  {name} {value}" for name, value in figures.items())


def progress_for(stream: TextIO = sys.stderr) -> Bar | Lines:
    """A bar where `stream` is a terminal, lines elsewhere."""
    return Bar(stream) if stream.isatty() else Lines(stream)
