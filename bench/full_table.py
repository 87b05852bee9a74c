"""How long the verdict takes on a host whose table is full, beside one `conntrack -L` of the table.

    sudo python3 bench/full_table.py

A namespace of its own is filled to the limit with entries that cannot be evicted, and has lost 23
packets; the default second look, a second later, is part of the time.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from support.fill import (  # noqa: E402
    BOTH_WAYS,
    Row,
    fill,
    flush,
    inside,
    namespace,
    room_for,
    sources,
)
from support.packets import send, tracking  # noqa: E402

ROUNDS = 7
LOST = 23
NAME = "hadv-bench"
LIMIT = Path("/proc/sys/net/netfilter/nf_conntrack_max")


def seconds(argv: list[str]) -> tuple[float, bytes]:
    started = time.perf_counter()
    done = subprocess.run(argv, capture_output=True, check=False)
    return time.perf_counter() - started, done.stdout


def main() -> None:
    if os.geteuid():
        sys.exit("needs root")
    limit = int(LIMIT.read_text())
    rows = (Row(s, "192.0.2.1", 40000, 443, 6, 3, BOTH_WAYS, 86400) for s in sources(limit))
    run = [str(ROOT / "ec2rl"), "run", "--only-modules=conntrackfull", "--json"]
    rival = ["ip", "netns", "exec", NAME, "conntrack", "-L"]
    with namespace(NAME), tracking(NAME):
        with room_for(limit + 10):
            fill(NAME, rows)
        try:
            with inside(NAME):
                lost = send(LOST)
            pairs = []
            for _ in range(ROUNDS):
                took, said = seconds(run)
                (result,) = json.loads(said)["results"]
                (found,) = [n for n in result["namespaces"] if n["names"] == [f"/run/netns/{NAME}"]]
                if (result["status"], found["refused"]) != ("FAILURE", lost):
                    sys.exit(f"wrong: {result['summary']}, {found['refused']} of {lost} packets")
                pairs.append((took, seconds([*run, "--interval=0"])[0], seconds(rival)[0]))
        finally:
            flush(NAME)
    whole, once, _ = (sorted(column)[ROUNDS // 2] for column in zip(*pairs))
    ratio = sorted(b / c for _, b, c in pairs)[ROUNDS // 2]
    print(f"FAILURE, and {lost} packets lost, after {whole:.2f} s; {once:.2f} s with --interval=0")
    print(f"{ratio:.2f} x `conntrack -L` of the {limit} entries (with --interval=0)")


if __name__ == "__main__":
    main()
