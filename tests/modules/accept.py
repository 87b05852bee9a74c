"""Write what the modules say today into their cases, and show the difference.

    ./check --accept            every case
    ./check --accept NAME ...   those of these modules

Read the difference before you commit it: it is what users will see.
"""

from __future__ import annotations

import sys
from difflib import unified_diff
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1] / "src")]

from ec2rl.catalogue import load  # noqa: E402
from support.cases import CASES, answered  # noqa: E402


def main(names: list[str]) -> int:
    changed = 0
    for name in names:
        load(name)  # a typing error would accept nothing, in silence
    for path in CASES:
        if names and path.parent.name not in names:
            continue
        before = path.read_text(encoding="utf-8")
        try:
            after = answered(before, path.parent.name)
        except ValueError as error:
            raise ValueError(f"{path.relative_to(HERE.parents[1])}: {error}") from None
        if after != before:
            changed += 1
            path.write_text(after, encoding="utf-8")
            shown = str(path.relative_to(HERE.parents[1]))
            sys.stdout.writelines(
                unified_diff(before.splitlines(True), after.splitlines(True), shown, shown)
            )
    print(f"{changed} cases written" if changed else "every case says what its module says")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except ValueError as error:  # a case, or a name, that cannot be understood
        sys.exit(f"accept: {error}")
