"""The journal search against `journalctl --grep`: the same records, and the ratio of the times.

`python bench/journal.py` writes a journal of a million records (30 % of them the kernel's, 400 hits
in about 100 texts) with systemd-journal-remote into a temporary folder, then runs both programs in
turns.  `--keep FOLDER` leaves the journal there, and finds it again.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REMOTE = "/lib/systemd/systemd-journal-remote"
PHRASE = "table full"
OTHERS = (
    "callbacks suppressed",
    "Possible SYN flooding",
    "expectation table",
    "arp_cache: neighbor",
)
OURS = """
import os, sys
sys.path.insert(0, sys.argv[1])
from ec2rl.host import Phrase
from ec2rl.host.journal.search import search_journal
files = []
for name in sorted(os.listdir(sys.argv[2])):
    path = os.path.join(sys.argv[2], name)
    files.append((path, os.open(path, os.O_RDONLY)))
phrases = [Phrase(text.encode()) for text in sys.argv[3:]]
found = search_journal(files, phrases)
peak = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")]
sys.stdout.write("\\n".join(
    [peak[0], *found.gaps]
    + [f"{r.boot} {r.realtime} {r.facility} {r.message}" for r in found.records]
))
"""


def export(records: int) -> Iterator[bytes]:
    """A busy server's journal in the export format (systemd.io/JOURNAL_EXPORT_FORMATS)."""
    dice = random.Random(1)
    boots = [f"{dice.getrandbits(128):032x}" for _ in range(4)]
    machine = f"{dice.getrandbits(128):032x}"
    full = set(dice.sample(range(records), 400 * records // 1_000_000))
    start = 1_700_000_000_000_000
    for n in range(records):
        boot = boots[n * len(boots) // records]
        tick = n * 137_000 + dice.randrange(1000)
        head = (
            f"__REALTIME_TIMESTAMP={start + tick}\n__MONOTONIC_TIMESTAMP={tick}\n_BOOT_ID={boot}\n"
            f"_MACHINE_ID={machine}\n_HOSTNAME=ip-10-0-0-7\nPRIORITY={dice.randrange(8)}\n"
        )
        if n in full or dice.random() < 0.3:
            if n in full:
                where = "" if n % 4 == 0 else f" in netns {dice.randrange(100) + 4026531840}"
                text = f"nf_conntrack: nf_conntrack: table full{where}, dropping packet"
            else:
                text = (
                    f"[UFW BLOCK] IN=eth0 OUT= SRC=10.{n % 251}.0.9 DST=10.0.0.7 ID={n} PROTO=TCP"
                )
            body = (
                f"_TRANSPORT=kernel\nSYSLOG_FACILITY=0\nSYSLOG_IDENTIFIER=kernel\n"
                f"_SOURCE_MONOTONIC_TIMESTAMP={tick - 900}\nMESSAGE={text}\n"
            )
        else:
            unit = f"app-{dice.randrange(40)}"
            spent = f"{dice.randrange(9999)} us, {'x' * (n % 90)}"
            text = f"request {n} from 10.1.{n % 253}.4 took {spent}"
            body = (
                f"_TRANSPORT=stdout\nSYSLOG_IDENTIFIER={unit}\nSYSLOG_FACILITY=3\n_UID=0\n_GID=0\n"
                f"_PID={dice.randrange(2000)}\n_COMM={unit}\n_EXE=/usr/bin/{unit}\n"
                f"_CMDLINE=/usr/bin/{unit} --serve {'--option=value ' * (n % 5 * 12)}\n"
                f"_SYSTEMD_CGROUP=/system.slice/{unit}.service\n_SYSTEMD_UNIT={unit}.service\n"
                f"_SYSTEMD_SLICE=system.slice\n_STREAM_ID={dice.randrange(40):032x}\nMESSAGE={text}\n"
            )
        yield (head + body + "\n").encode()


def write(folder: Path, records: int) -> None:
    """Let systemd itself write the journal."""
    command = [REMOTE, f"--output={folder}/system.journal", "--split-mode=none", "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as remote:
        assert remote.stdin
        for record in export(records):
            remote.stdin.write(record)
    assert remote.returncode == 0, remote.returncode


def timed(command: list[str]) -> tuple[float, str]:
    start = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return time.perf_counter() - start, done.stdout.decode("utf-8", "backslashreplace")


def ours(folder: Path, *phrases: str) -> tuple[float, int, list[str]]:
    """Seconds, peak RSS in KiB, and the records found."""
    command = ["/usr/bin/python3", "-I", "-S", "-c", OURS, str(ROOT / "src"), str(folder)]
    seconds, told = timed([*command, *phrases])
    peak, *records = told.splitlines()
    return seconds, int(peak), records


def journalctl(folder: Path, phrase: str) -> tuple[float, list[str]]:
    command = ["journalctl", f"--directory={folder}", "_TRANSPORT=kernel", "--grep", phrase]
    seconds, told = timed([*command, "-o", "json", "--quiet"])
    records = [json.loads(line) for line in told.splitlines()]
    keys = ("_BOOT_ID", "__REALTIME_TIMESTAMP", "SYSLOG_FACILITY", "MESSAGE")
    return seconds, [" ".join(record[key] for key in keys) for record in records]


def report(folder: Path, rounds: int) -> None:
    ratios: dict[str, list[float]] = {"one phrase": [], "five phrases": []}
    peak = 0
    for _ in range(rounds):
        rival, expected = journalctl(folder, PHRASE)
        one, peak, found = ours(folder, PHRASE)
        assert found == expected, "not the records that journalctl finds"
        five, peak_five, found = ours(folder, PHRASE, *OTHERS)
        assert found == expected, "not the records that journalctl finds"
        peak = max(peak, peak_five)
        ratios["one phrase"].append(one / rival)
        ratios["five phrases"].append(five / rival)
        print(f"journalctl {rival:.3f} s, one phrase {one:.3f} s, five phrases {five:.3f} s")
    print(f"{len(expected)} records of {len({line.split(' ', 3)[3] for line in expected})} texts")
    for name, values in ratios.items():
        print(f"{name}: {statistics.median(values):.2f} of journalctl's time")
    print(f"peak memory: {peak / 1024:.0f} MiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--keep", type=Path, help="write the journal here, or find it here")
    options = parser.parse_args()
    folder = options.keep or Path(tempfile.mkdtemp(prefix="ec2rl-bench-"))
    try:
        folder.mkdir(exist_ok=True)
        if not any(folder.iterdir()):
            write(folder, options.records)
        report(folder, options.rounds)
    finally:
        if not options.keep:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
