"""The finished demo holds what it promises: base at most 10 %, adapter at least 80 % of the held-out puzzles, on every kind.

make demo && python benchmarks/demo_result.py [nemoflow-data/runs/demo]
"""

import sys
from pathlib import Path

import orjson

BASE_AT_MOST, ADAPTER_AT_LEAST, KINDS_AT_LEAST = 0.10, 0.80, 2


def main() -> int:
    """Print both accuracies a kind and the seconds of all steps; 1 where a bar is missed."""
    run = Path(sys.argv[1] if len(sys.argv) > 1 else "nemoflow-data/runs/demo")
    summary = orjson.loads((run / "report/page/summary.json").read_bytes())
    base, adapter = summary["base"]["kinds"], summary["adapter"]["kinds"]
    met = len(adapter) >= KINDS_AT_LEAST
    for kind in sorted(adapter):
        before, after = base[kind]["accuracy"], adapter[kind]["accuracy"]
        met = met and before <= BASE_AT_MOST and after >= ADAPTER_AT_LEAST
        print(f"{kind:<10} base {before:6.1%}  adapter {after:6.1%}  of {adapter[kind]['problems']}")
    verdict = "met" if met else "MISSED"
    print(f"steps took {summary['seconds']:.0f} s; bars: base <= {BASE_AT_MOST:.0%}, adapter >= {ADAPTER_AT_LEAST:.0%}: {verdict}")
    return int(not met)


if __name__ == "__main__":
    sys.exit(main())
