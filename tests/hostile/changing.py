"""Evidence that is cut, rewritten or moved while it is read: 0 SUCCESS with the evidence gone.

`python tests/hostile/changing.py [--times N] [--ec2rl PATH] [KIND ...]` runs `ec2rl run` so often
on each kind, stops the process that reads the file at a random place before the evidence, changes
the file, and lets it go on.  Needs /proc/PID/io of its own children, and no trace of any process.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Callable

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.journal_writer import JournalWriter, kernel

EC2RL = Path(__file__).parents[2] / "ec2rl"
SIZE = 24 << 20
FULL = b"nf_conntrack: nf_conntrack: table full, dropping packet"
CALM = b"nf_conntrack: nf_conntrack: nothing at all to be told .".ljust(len(FULL))
START = b"[    0.000000] Linux version 6.1.0\n"
ENTRIES = 60_000


def filler(size: int) -> bytes:
    """Lines of a kernel that says nothing of note, and that do not pack well."""
    chance = random.Random(1)
    line = b"[    9.000000] x %s\n"
    block = b"".join(line % chance.randbytes(40).hex().encode() for _ in range(1 << 10))
    return block * (size // len(block) + 1)


def dmesg(words: bytes, size: int = SIZE) -> bytes:
    return START + filler(size) + b"[  100.000000] %s\n" % words


def packed(words: bytes) -> bytes:
    """gzip of two members, the last of which is as long whatever it says."""
    lines = b"[  100.000000] %s\n" % words
    return gzip.compress(dmesg(b"x"), 1, mtime=0) + gzip.compress(lines, 0, mtime=0)


def journal(words: bytes) -> bytes:
    """Kernel records with the texts of a program between them, which make it large.

    There are so many of the kernel's that the whole file is looked through, and not they alone.
    """
    made = JournalWriter()
    boot, now = bytes([0x22]) * 16, 1_790_000_000_000_000

    def add(message: bytes, second: int) -> None:
        stamp = second * 1_000_000
        made.entry(kernel(message, stamp=stamp), now + stamp, stamp, boot)

    add(b"Linux version 6.1.0 (gcc)", 0)
    for second in range(SIZE // 20_000):
        text = b"MESSAGE=%d " % second + bytes(20_000)
        made.entry([b"_TRANSPORT=stdout", text], now + second, second, boot)
        add(b"calm %d" % second, second)
    add(words, SIZE)
    data = made.bytes()
    return data[:56] + boot + data[72:]  # tail_entry_boot_id


def archive(words: bytes, limit: int = 0) -> bytes:
    file = io.BytesIO()
    members = {
        "var/log/messages": filler(SIZE if not limit else 1),
        "sos_commands/kernel/sysctl_-a": b"net.netfilter.nf_conntrack_max = %d\n" % limit,
        "sos_commands/kernel/dmesg": dmesg(words, 1),
        "proc/meminfo": b"MemTotal: 1000 kB\n",
    }
    with tarfile.open(fileobj=file, mode="w") as tar:
        for name, data in members.items():
            if limit or "sysctl" not in name:
                one = tarfile.TarInfo(f"sosreport-x/{name}")
                one.size = len(data)
                tar.addfile(one, io.BytesIO(data))
    return file.getvalue()


def table(words: bytes) -> bytes:
    line = (
        "tcp      6 431000 ESTABLISHED src=10.0.9.31 dst=10.0.4.17 sport={0} dport=443 "
        "src=10.0.4.17 dst=10.0.9.31 sport=443 dport={0} [ASSURED] mark=0 use=1\n"
    )
    lines = [line.format(n % 65536).encode() for n in range(ENTRIES)]
    text = b"".join(lines)
    return text if words == FULL else b"".join(lines[: ENTRIES * 3 // 4]).ljust(len(text), b"\n")


# A kind of evidence by what it holds: its bytes, where they stand below a folder, and the options.
Kind = tuple[Callable[[bytes], bytes], str, Callable[[Path], list[str]]]


def _beside_a_table(path: Path) -> list[str]:
    report = path.parent / "report.tar"
    report.write_bytes(archive(CALM, limit=ENTRIES + 5))
    return [f"--sos={report}", f"--conntrack={path}"]


VOLUME = "volume/var/log/journal/0123456789abcdef0123456789abcdef/system.journal"
FOLDER = "report/sos_commands/kernel/dmesg"
KINDS: dict[str, Kind] = {
    "plain": (dmesg, "dmesg", lambda path: [f"--log={path}"]),
    "gz": (packed, "packed", lambda path: [f"--log={path}"]),
    "journal": (journal, "a.journal", lambda path: [f"--log={path}"]),
    "tar": (archive, "report.tar", lambda path: [f"--sos={path}"]),
    "folder": (dmesg, FOLDER, lambda path: [f"--sos={path.parents[2]}"]),
    "volume": (journal, VOLUME, lambda path: [f"--root={path.parents[4]}"]),
    "table": (table, "table", _beside_a_table),
}


def changes(path: Path, calm: bytes, chance: random.Random) -> dict[str, Callable[[], object]]:
    """What people, programs and disks do to a file that somebody reads."""

    def write(data: bytes, at: int = 0) -> None:
        with path.open("r+b") as file:
            file.seek(at)
            file.write(data)

    def move() -> None:
        path.rename(path.with_suffix(".1"))
        path.write_bytes(calm)

    def replace() -> None:
        other = path.with_suffix(".new")
        other.write_bytes(calm)
        other.replace(path)

    def copy() -> None:
        shutil.copy(path, path.with_suffix(".1"))
        os.truncate(path, 0)

    def again() -> None:
        os.truncate(path, 0)
        write(calm + filler(1 << 20)[: 1 << 16])

    def holes() -> None:
        os.truncate(path, 0)
        os.truncate(path, len(calm))

    half = len(calm) // 2
    return {
        "emptied": lambda: os.truncate(path, 0),
        "cut": lambda: os.truncate(path, chance.randrange(len(calm))),
        "cut by its end": lambda: os.truncate(path, len(calm) - len(calm) // 50),
        "copied and emptied": copy,
        "written over": lambda: write(calm),
        "end written over": lambda: write(calm[half:], half),
        "written anew, longer": again,
        "emptied and full of holes": holes,
        "moved": move,
        "replaced": replace,
    }


def readers(pid: int, path: str) -> list[int]:
    """The descendants of a process that hold a file open."""
    found = []
    try:
        held = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
        if path in held:
            found.append(pid)
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            found += readers(int(child), path)
    except OSError:
        pass
    return found


def has_read(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/io").read_text().split()[1])
    except OSError:
        return 0


def judged(process: subprocess.Popen[bytes]) -> str:
    said, _ = process.communicate(timeout=120)
    verdict: str = json.loads(said)["results"][0]["verdict"]
    return verdict


def start(ec2rl: Path, options: list[str]) -> subprocess.Popen[bytes]:
    """Run it, with its files beside the evidence, in a folder that is gone with it."""
    output = Path(options[0].partition("=")[2].partition("/x/")[0], "output")
    output.mkdir(mode=0o700, exist_ok=True)
    command = [str(ec2rl), "run", "--only-modules=conntrackfull", "--json", *options]
    command.append(f"--output-dir={output}")
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def meanwhile(
    process: subprocess.Popen[bytes],
    path: Path,
    size: int,
    place: int,
    change: Callable[[], object],
) -> bool:
    """Change a file when a process, or one of its children, has read `place` bytes of it.

    Counted from when it is seen to hold the file: it has read its own program by then, and may not
    have looked at the file.  False where it had come to the last twentieth of the file's `size`, or
    did not read it.
    """
    stopped = 0
    held: dict[int, int] = {}
    until = time.monotonic() + 60
    while process.poll() is None and not stopped and time.monotonic() < until:
        for pid in readers(process.pid, str(path)):
            if has_read(pid) - held.setdefault(pid, has_read(pid)) > place:
                stopped = pid
    if not stopped:
        return False
    try:
        os.kill(stopped, signal.SIGSTOP)
    except ProcessLookupError:
        return False
    try:
        in_time = 0 < has_read(stopped) < size - size // 20
        if in_time:
            change()
    finally:
        os.kill(stopped, signal.SIGCONT)
    return in_time


def campaign(kind: str, times: int, ec2rl: Path = EC2RL, seed: int = 1) -> Counter[str]:
    """How often each verdict was given, with how the file was changed; a whole one is sound."""
    make, name, option = KINDS[kind]
    loud, calm = make(FULL), make(CALM)
    assert len(loud) == len(calm)
    chance = random.Random(seed)
    found: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x", name)
        os.chmod(folder, 0o755)
        path.parent.mkdir(parents=True)
        path.write_bytes(calm)
        options = option(path)
        assert judged(start(ec2rl, options)) == "OK", kind
        path.write_bytes(loud)
        assert judged(start(ec2rl, options)) in ("PROBLEM", "WARNING"), kind
        for _ in range(times * _TRIES):
            if sum(found.values()) >= times:
                break
            for how, change in changes(path, calm, chance).items():
                shutil.rmtree(path.parent)
                path.parent.mkdir()
                path.write_bytes(loud)
                options = option(path)
                place = int(chance.uniform(0.02, 0.85) * len(loud))
                process = start(ec2rl, options)
                in_time = meanwhile(process, path, len(loud), place, change)
                verdict = judged(process)
                if in_time and sum(found.values()) < times:
                    found[f"{verdict} {how}"] += 1
    return found


_TRIES = 3
"""Rounds of all changes for each that is wanted: a reader may be too quick to be met."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=100)
    parser.add_argument("--ec2rl", type=lambda path: Path(path).absolute(), default=EC2RL)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=", ".join(KINDS))
    said = parser.parse_args()
    wrong = 0
    for kind in said.kinds or KINDS:
        found = campaign(kind, said.times, said.ec2rl, said.seed)
        verdicts: Counter[str] = Counter()
        for what, count in found.items():
            verdicts[what.split(" ", 1)[0]] += count
        wrong += verdicts["OK"]
        print(
            f"{kind}: {dict(verdicts)}", *(one for one in found if one.startswith("OK ")), sep="; "
        )
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
