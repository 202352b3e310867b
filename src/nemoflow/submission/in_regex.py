"""Regular expressions of an adapter's config, in a process that can be ended: a hostile one takes longer than the universe is old.

`python in_regex.py` takes {"patterns": [...], "before": "...", "names": [...]} and gives [numbers, wrong]: for each name the number of the
first pattern that fits it whole, with what may stand before it, or null; and [number, why] of a pattern that is none, or null.
Standard library only.
"""

import json
import re
import sys


def main() -> None:
    """Answer once."""
    asked = json.load(sys.stdin)
    try:
        compiled = []
        for pattern in asked["patterns"]:
            re.compile(pattern)
            compiled.append(re.compile(f"{asked['before']}({pattern})"))
    except (re.error, OverflowError, RecursionError) as error:
        json.dump([[], [len(compiled), str(error)]], sys.stdout)
        return
    found = [next((number for number, pattern in enumerate(compiled) if pattern.fullmatch(name)), None) for name in asked["names"]]
    json.dump([found, None], sys.stdout)


if __name__ == "__main__":
    main()
