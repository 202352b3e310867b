"""Would the contest's runtime load this adapter, and as what it was trained to be? Everything that can be known without a GPU or vLLM.

`examine(adapter, base, max_rank=32)` gives a Checkup: its `findings` say what would be refused or load as something else, what is a
risk and what is good to know, each with tensor or field, value, why, and what repairs it (`rules.py`). Nothing of an adapter is trusted.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nemoflow.errors import InputError, SubmissionError
from nemoflow.models.headers import TensorHeader, read_header
from nemoflow.submission.base import BaseModules, expert_path
from nemoflow.submission.config_rules import MAX_CONFIG_BYTES, Scales, config_findings, parse_config, pattern_findings, scaling
from nemoflow.submission.files import AdapterFiles, open_adapter
from nemoflow.submission.rules import SEVERITIES, Finding, Severity, found
from nemoflow.submission.tensor_rules import (
    Layout,
    expert_findings,
    lay_out,
    measure_all,
    name_findings,
    shape_findings,
    stacked_findings,
    target_findings,
)

SHOWN = 5
MAX_HEADER_BYTES = 1 << 25
"""12,010 LoRA tensors take 1.6 MB of header."""


@dataclass(frozen=True)
class Checkup:
    """What was found out about an adapter."""

    config: Mapping[str, Any]
    tensors: int
    parameters: int
    modules: int
    dead: tuple[str, ...]
    """Modules whose lora_A or lora_B is all zeros: they change nothing."""
    dtypes: tuple[str, ...]
    findings: tuple[Finding, ...]
    """The worst first."""

    @property
    def rank(self) -> int:
        """Rank of every module, by the config; 0 where it says none."""
        rank = self.config.get("r")
        return rank if type(rank) is int else 0

    @property
    def scale(self) -> float:
        """Factor on B A; NaN where the config gives none."""
        return scaling(self.config)

    def of(self, severity: Severity) -> tuple[Finding, ...]:
        """Findings of one severity."""
        return tuple(finding for finding in self.findings if finding.severity == severity)

    @property
    def violations(self) -> tuple[str, ...]:
        """What is refused, in lines."""
        return tuple(finding.text for finding in self.of("refused"))

    @property
    def warnings(self) -> tuple[str, ...]:
        """The risks, in lines."""
        return tuple(finding.text for finding in self.of("risk"))

    def also(self, finding: Finding) -> "Checkup":
        """With one more finding in its place."""
        return replace(self, findings=in_order([*self.findings, finding]))

    def require_sound(self, adapter: Path) -> None:
        """SubmissionError with the first violations, where there are any."""
        if not self.violations:
            return
        more = len(self.violations) - SHOWN
        tail = f"; and {more} more" if more > 0 else ""
        raise SubmissionError(f"{adapter}: the contest's runtime would not take it: {'; '.join(self.violations[:SHOWN])}{tail}")


def examine(adapter: Path, base: Path, max_rank: int) -> Checkup:
    """Read the adapter whole (a folder or a zip) and the base model's headers, and apply every rule."""
    modules = BaseModules.read(base)
    try:
        with open_adapter(adapter) as files:
            return examine_files(files, modules, max_rank)
    except OSError as error:
        raise InputError(f"{adapter}: cannot be read: {error}") from None


def examine_files(files: AdapterFiles, base: BaseModules, max_rank: int) -> Checkup:
    """As `examine`, of files that are open."""
    config, findings = _config(files, max_rank)
    tensors, torn = read_tensors(files.weights)
    findings = [*files.findings, *findings, *torn]
    layout = lay_out(tensors, base)
    dead: tuple[str, ...] = ()
    if tensors:
        findings += _tensor_findings(config, tensors, layout, base, max_rank)
        measured = measure_all(tensors.values(), layout, scaling(config))
        dead = measured.dead
        findings += measured.findings
    return Checkup(
        config=config,
        tensors=len(tensors),
        parameters=sum(tensor.parameters for tensor in tensors.values()),
        modules=len(layout.pairs),
        dead=dead,
        dtypes=tuple(sorted({tensor.dtype for tensor in tensors.values()})),
        findings=in_order(findings),
    )


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The worst first."""
    return tuple(sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity)))


def read_tensors(weights: Sequence[Path]) -> tuple[dict[str, TensorHeader], list[Finding]]:
    """Tensors of a file or of shards, and what is wrong with their headers."""
    tensors: dict[str, TensorHeader] = {}
    for path in weights:
        try:
            _check_head(path)
            tensors |= read_header(path)
        except InputError as error:
            return {}, [found("header", path.name, str(error).removeprefix(f"{path}: "))]
    if weights and not tensors:
        return {}, [found("no-tensors", weights[0].name, "holds no tensors")]
    return tensors, []


def _check_head(path: Path) -> None:
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
    if MAX_HEADER_BYTES < length <= path.stat().st_size:
        raise InputError(f"{path}: announces a header of {length:,} bytes; an adapter's has at most {MAX_HEADER_BYTES:,}")


def _config(files: AdapterFiles, max_rank: int) -> tuple[dict[str, Any], list[Finding]]:
    if files.config is None:
        return {}, []
    with files.config.open("rb") as stream:
        config, findings = parse_config(stream.read(MAX_CONFIG_BYTES + 1))
    if any(finding.rule == "config-json" for finding in findings):
        return {}, findings
    return config, [*findings, *config_findings(config, max_rank)]


def _tensor_findings(
    config: Mapping[str, Any], tensors: Mapping[str, TensorHeader], layout: Layout, base: BaseModules, max_rank: int
) -> Iterator[Finding]:
    name = config.get("base_model_name_or_path")
    trained_on = f"; it says that it was trained on {name!r}" if isinstance(name, str) and name else ""
    yield from name_findings(layout, base, trained_on)
    scales = Scales(config, layout.pairs)
    ranks = {module: scales.rank(module) for module in layout.pairs}
    yield from shape_findings(layout, base, ranks, max_rank, trained_on)
    yield from expert_findings(layout, base)
    yield from stacked_findings(layout, tensors, base, config.get("r"))
    yield from pattern_findings(config, scales, layout.pairs)
    yield from target_findings(config.get("target_modules"), layout, base)
    if config.get("target_parameters") and not layout.broken.get("fused-experts"):
        yield found("target-parameters", "target_parameters", repr(config["target_parameters"]))
    experts = [module for module in layout.pairs if expert_path(module)]
    if config.get("use_rslora") is True and experts:
        yield found("rslora-experts", ["use_rslora", *experts], f"true, and {len(experts):,} matrices of experts are adapted")
