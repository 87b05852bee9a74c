"""Texts that something happened to never turn a failure into a success while the words are there.

    python tests/fuzz/log_forms.py [--count 100000] [--seed 1] [--share 1/2]

Each text is one event's in one form, mutated (tests/support/mutations.py): cut, glued, interleaved,
wrapped, typeset, recoded, packed; the words of its module alone are looked for.  A share is every
second one, say, for two processes.  It ends with the number of texts, of those with the words left,
and of violations, which are written out.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

from ec2rl.model import Verdict  # noqa: E402
from support.log_forms import EVENTS  # noqa: E402
from support.log_verdicts import judged, modules  # noqa: E402
from support.mutations import mutated, still_says  # noqa: E402


def main() -> int:
    """Mutate and judge; 1 where a success was false."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--count", type=int, default=100_000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--share", default="1/1")
    chosen = options.parse_args()
    first, step = map(int, chosen.share.split("/"))
    verdicts: Counter[str] = Counter()
    bad = 0
    numbers = range(first - 1, chosen.count, step)
    for number in numbers:
        form, event, text, data = mutated(random.Random(f"{chosen.seed} {number}"))
        name, message = EVENTS[event]
        if not still_says(text, message):
            verdicts["words gone"] += 1
            continue
        verdict = judged(data, [name], modules([name]))[name].verdict
        verdicts[verdict.name] += 1
        if verdict is Verdict.OK:
            bad += 1
            print(f"--- {chosen.seed} {number}: {form}, {event}\n{text!r}", flush=True)
        if number % 10_000 < step:
            print(number, dict(verdicts), file=sys.stderr, flush=True)
    print(f"{len(numbers)} texts: {dict(verdicts)}; false successes: {bad}")
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())
