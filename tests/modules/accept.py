"""Write what is said today into the cases, and into CONTRIBUTING, and show the difference.

    ./check --accept            every case, and what CONTRIBUTING shows
    ./check --accept NAME ...   the cases of these modules

Read the difference before you commit it: it is what users will see.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from difflib import unified_diff
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODULES = ROOT / "src/ec2rl/modules"
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "src")]

from ec2rl.catalogue import load  # noqa: E402
from support.cases import CASES, answered  # noqa: E402
from support.recipe import copy_of_the_project, followed  # noqa: E402


def main(names: list[str]) -> int:
    for name in names:
        load(name)  # a typing error would accept nothing, in silence
    changed, refused = 0, []
    for path in CASES:
        if names and path.parent.name not in names:
            continue
        try:
            before = path.read_text(encoding="utf-8")
            after = answered(before, path.parent.name)
        except (OSError, ValueError) as error:
            refused.append(f"accept: {path.relative_to(ROOT)}: {error}")
            continue
        changed += _written(path, before, after)
    if not names and (ROOT / "CONTRIBUTING.md").exists():
        text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
        with tempfile.TemporaryDirectory() as folder:
            today = followed(text, copy_of_the_project(Path(folder)))
        changed += _written(ROOT / "CONTRIBUTING.md", text, today)
    left = [*_unwritten(names)]
    for line in left:
        print(line)
    if changed or refused:
        print(f"{changed} file{'s' * (changed != 1)} written", flush=True)
    else:
        print("every case says what its module says" + ", as far as that is written" * bool(left))
    for line in refused:
        print(line, file=sys.stderr)
    return bool(refused)


def _unwritten(names: list[str]) -> Iterator[str]:
    """What of these modules is still to be written, of all where none is named."""
    for name in names or sorted({path.parent.name for path in CASES}):
        for path in (MODULES / f"{name}.py", MODULES / f"{name}.md"):
            lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
            left = [(n, line.strip()) for n, line in enumerate(lines, 1) if "TODO" in line]
            if left:
                first = f"{path.relative_to(ROOT)}:{left[0][0]}: {left[0][1]}"
                yield f"still to be written: {len(left)} lines of it, first {first}"


def _written(path: Path, before: str, after: str) -> bool:
    """Whether a file had to be changed; the difference has been shown then."""
    if after != before:
        path.write_text(after, encoding="utf-8")
        shown = str(path.relative_to(ROOT))
        sys.stdout.writelines(
            unified_diff(before.splitlines(True), after.splitlines(True), shown, shown)
        )
    return after != before


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except ValueError as error:  # a name that there is not
        sys.exit(f"accept: {error}")
