"""How long the counters of 500 network namespaces take, beside asking each with `ip netns exec`.

    sudo python3 bench/namespaces.py

The namespaces are made in a mount namespace of its own and are gone with it; half of them have a
process inside (whose /proc tells), half only a name (and have to be entered).
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import time
from pathlib import Path

COUNT = 500
ROUNDS = 9
RIVALS = 50
LAUNCHER = Path(__file__).resolve().parent.parent / "ec2rl"
NETNS = Path("/run/netns")


def make(libc: ctypes.CDLL) -> list[int]:
    """Make the namespaces, from a child for each; the processes that live in half of them."""
    living = []
    for number in range(COUNT):
        ready, tell = os.pipe()
        child = os.fork()
        if child == 0:
            libc.unshare(0x40000000)  # CLONE_NEWNET
            name = NETNS / f"bench{number}"
            name.touch()
            if number % 2:
                libc.mount(b"/proc/self/ns/net", bytes(name), None, 4096, None)  # MS_BIND
            os.write(tell, b"x")
            if number % 2 == 0:
                time.sleep(600)
            os._exit(0)
        os.read(ready, 1)
        os.close(ready)
        os.close(tell)
        if number % 2:
            os.waitpid(child, 0)
        else:
            living.append(child)
    return living


def seconds(argv: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return time.perf_counter() - started


def main() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() or libc.unshare(0x00020000):  # CLONE_NEWNS
        sys.exit("needs root")
    libc.mount(b"none", b"/", None, 0x44000, None)  # MS_REC | MS_PRIVATE
    NETNS.mkdir(exist_ok=True)
    libc.mount(b"none", bytes(NETNS), b"tmpfs", 0, None)
    run = [
        str(LAUNCHER),
        "run",
        "--only-modules=conntrackfull",
        "--interval=0",
        "--output-dir=/root/b",
    ]
    libc.mount(b"none", b"/root", b"tmpfs", 0, b"mode=700")
    seconds(run)
    few = sorted(seconds(run) for _ in range(ROUNDS))[ROUNDS // 2]
    living = make(libc)
    try:
        pairs = []
        for _ in range(ROUNDS):
            named = [f"bench{n}" for n in range(1, 2 * RIVALS, 2)]
            started = time.perf_counter()
            for name in named:
                seconds(["ip", "netns", "exec", name, "cat", "/proc/net/stat/nf_conntrack"])
            rival = (time.perf_counter() - started) / RIVALS * COUNT
            pairs.append((seconds(run), rival))
    finally:
        for child in living:
            os.kill(child, 9)
    whole = sorted(a for a, _ in pairs)[ROUNDS // 2]
    ratio = sorted(a / b for a, b in pairs)[ROUNDS // 2]
    print(f"{COUNT} namespaces: {whole:.3f} s, whole process; {few:.3f} s without them")
    print(f"{ratio:.4f} x asking each with `ip netns exec NAME cat` ({RIVALS} asked, scaled)")


if __name__ == "__main__":
    main()
