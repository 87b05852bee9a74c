"""Forged records of changes, and notes of trials, through every command that meets a journal.

`sudo python tests/fuzz/records.py --count 10000 [--seed S]`: first every odd value in the place
of every field of a record, then random ones.  Each is put into the journal of a volume, and into
that of this machine, in namespaces of the campaign's own.  A command ends with 0 or 1; where the
record is refused it is 1, and nothing has been touched.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import os
import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

from ec2rl.cli import main as ec2rl  # noqa: E402
from ec2rl.facts.change_format import decode  # noqa: E402
from fix.records import FILE, file_item, sealed, setting_item, transaction  # noqa: E402

KEY = "net.ipv4.tcp_keepalive_probes"
NEW = "/etc/modules-load.d/ec2rl.conf"
FOLDERS = ("etc/sysctl.d", "etc/modprobe.d", "etc/modules-load.d", "var/lib/ec2rl/changes")


def _deep(levels: int) -> Any:
    nested: Any = 1
    for _ in range(levels):
        nested = [nested]
    return nested


ODD: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 1 << 31, (1 << 32) - 1, 1 << 32, 1 << 63, 10**17, 10**40),
    *(0.0, -0.0, 0.5, -5.0, 1e11, 1e17, 1e308, float("nan"), float("inf"), float("-inf")),
    *("", "\0", "a\0b", "\ud800", "\udc80", "\x1b[2J", "\n", "a\nb", "\u202e", "١٢", "1" * 40),
    *("x" * 70_000, "applied", "undoing", "net.core.somaxconn", "kernel.core_pattern", FILE),
    *("/etc/sysctl.d/a\0.conf", "/etc/sysctl.d/../a.conf", "AAAA", "=", "9", "9 9", "-0"),
    *([], {}, [[]], [{}], [0] * 5000, ["x"] * 2000, {"key": "x"}, {"key": []}, [["", ""]]),
    *([["user.\ud800", ""]], [["user.a\0b", ""]], [["", ""]], [["x" * 300, ""]], [["user.x", 1]]),
    _deep(50),
)
NOTES = (
    *(b"", b"\0\0", b"0", b"1790000000.5", b"9999999999", b"99999999999", b"999999999999", b"-5"),
    *(b"inf", b"nan", b"1e308", b"1e9", b"1_000", b" 5", b"5\n", b"0x10", b"\xff", b"5.", b".5"),
    *("٣".encode(), b"9" * 64, b"9" * 100_000),
)


def base(state: str = "applied") -> dict[str, Any]:
    labelled = file_item(FILE, "# theirs\n", "# ours\n")
    labelled["before"]["labels"] = [["user.x", "AAAA"]]
    items = [setting_item(KEY, "7", "9"), labelled, {**file_item(NEW, None, "a\n"), "folder": True}]
    return transaction(1, items, state=state, notes=["a note"])


def places(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Each place in a record that a value stands in."""
    if way:
        yield way
    if isinstance(value, dict):
        for name in value:
            yield from places(value[name], (*way, name))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from places(inner, (*way, number))


def put(record: Any, way: tuple[Any, ...], value: Any) -> Any:
    where = record
    for step in way[:-1]:
        where = where[step]
    where[way[-1]] = value
    return record


def each() -> Iterator[Any]:
    """Every odd value in every place, and every place left out."""
    for state in ("undoing", "applied"):
        for way in places(base()):
            for odd in ODD:
                yield put(base(state), way, copy.deepcopy(odd))
            record = base(state)
            parent: Any = record
            for step in way[:-1]:
                parent = parent[step]
            del parent[way[-1]]
            yield record
    yield from (*ODD, [base()], {"change": base()})


def random_one(dice: random.Random) -> Any:
    record = base(dice.choice(["applying", "undoing", "applied", "partly undone", "undone"]))
    for _ in range(dice.randrange(1, 4)):
        try:
            put(record, dice.choice(list(places(record))), copy.deepcopy(dice.choice(ODD)))
        except (LookupError, TypeError):
            continue
    if dice.random() < 0.1 and isinstance(record.get("items"), list):
        record["items"] *= dice.randrange(2, 40)
    return record


def raw_of(record: Any, dice: random.Random) -> bytes:
    """A record as bytes, at times with a byte of its own; the seal is right most of the time."""
    raw = sealed(record)
    if dice.random() < 0.01:
        deep = b"[" * 100_000 + b"]" * 100_000
        body = raw.partition(b"\n")[2].replace(b"1790000000.0", deep)
        raw = b'{"sha256": "%s",\n' % hashlib.sha256(body).hexdigest().encode() + body
    if dice.random() < 0.05:
        at = dice.randrange(len(raw))
        raw = raw[:at] + bytes([dice.randrange(256)]) + raw[at + dice.randrange(2) :]
    return raw


class Place:
    """A volume or (with `folder` "") this machine, made anew for each record."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.where = [f"--root={folder}"] if folder else []
        self.commands = [["history"], ["history", "--json"], ["undo", "--dry-run"], ["undo", "1"]]
        self.commands += [["undo", "1", "--yes"], ["undo", "--with-later", "--partial", "--yes"]]
        if not folder:
            self.commands = [words for words in self.commands if words != ["undo", "1"]]

    def lay(self, raw: bytes, note: bytes | None) -> None:
        for folder in FOLDERS:
            os.makedirs(f"{self.folder}/{folder}", 0o755, exist_ok=True)
            for name in os.listdir(f"{self.folder}/{folder}"):
                os.unlink(f"{self.folder}/{folder}/{name}")
        Path(self.folder + FILE).write_text("# ours\n")
        Path(self.folder + NEW).write_text("a\n")
        journal = Path(f"{self.folder}/var/lib/ec2rl/changes")
        (journal / "1.json").write_bytes(raw)
        (journal / "unfinished").touch()
        if note is not None:
            (journal / "trial-1").write_bytes(note)

    def picture(self) -> dict[str, bytes]:
        folders = [Path(f"{self.folder}/{folder}") for folder in FOLDERS]
        paths = [path for folder in folders for path in folder.glob("*") if path.name != "lock"]
        return {str(path): path.read_bytes() for path in paths}

    def try_one(self, raw: bytes, note: bytes | None, more: list[list[str]]) -> list[str]:
        """Faults that a record, and a note of its trial, bring to light."""
        sound = note is None or re.fullmatch(rb"\0*|[0-9]{1,11}(\.[0-9]+)?", note) is not None
        try:
            decode(raw, 1)
        except (ValueError, LookupError, TypeError, RecursionError):
            sound = False
        faults = []
        for words in self.commands + more:
            self.lay(raw, note)
            before = self.picture()
            status = silent([*words, *self.where])
            looks = words[0] in ("history", "run") or "--dry-run" in words
            if status not in ((0, 1) if sound or words[0] == "run" else (1,)):
                faults.append(f"{words}: exit status {status}, sound: {sound}")
            if (looks or not sound) and self.picture() != before:
                faults.append(f"{words}: wrote, sound: {sound}")
        return faults


def silent(words: list[str]) -> int:
    """The exit status of a command; what it says goes nowhere."""
    kept = os.dup(1), os.dup(2)
    null = os.open("/dev/null", os.O_RDWR)
    try:
        for fd in (1, 2):
            os.dup2(null, fd)
        return ec2rl(words)
    finally:
        for fd, old in zip((1, 2), kept):
            os.dup2(old, fd)
            os.close(old)
        os.close(null)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    said = parser.parse_args()
    dice = random.Random(said.seed)
    if not said.inside:
        again = [sys.executable, *sys.argv, "--inside"]
        os.execvp("unshare", ["unshare", "-n", "-m", "--propagation", "private", *again])
    for folder in ("/var/lib", *(f"/{folder}" for folder in FOLDERS[:3])):
        if os.path.isdir(folder):
            subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "none", folder], check=True)
    # The network namespace passes for the host's, by what only that has.
    core = Path("/proc/sys/net/core")
    subprocess.run(["mount", "-t", "tmpfs", "none", str(core)], check=True)
    (core / "netdev_max_backlog").touch()
    os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
    fix = ["fix", "conntrackfull", "--set=max=524288", "--persist-only"]
    rare = [["run", "--only-modules=conntrackfull", "--interval=0"], [*fix, "--dry-run"]]
    rare += [[*fix, "--yes"], [*fix, "--yes", "--json"]]
    faults: list[str] = []
    tried = 0
    with tempfile.TemporaryDirectory(dir="/var/lib") as folder:
        (Path(folder) / "proc").symlink_to("/proc")
        everywhere = (Place(folder), Place(""))
        records = [*each()]
        dice.shuffle(records)
        records = records[: said.count]
        records += [random_one(dice) for _ in range(said.count - len(records))]
        for number, record in enumerate(records):
            raw, note = raw_of(record, dice), None
            if number % 5 == 0:
                raw, note = sealed(base()), NOTES[number // 5 % len(NOTES)]
            for place in everywhere:
                more = [["keep"]] if not place.folder else []
                if number % 100 == 0:
                    more += [w for w in rare if not (place.folder and w[0] == "run")]
                where = "volume" if place.folder else "here"
                found = place.try_one(raw, note, more)
                faults += [f"{where} {fault} {note!r} {raw[:300]!r}" for fault in found]
            tried += 1
            if tried % 1000 == 0:
                print(f"{tried} records, {len(faults)} faults", file=sys.stderr, flush=True)
    print(f"{tried} records, {len(faults)} faults")
    print("\n".join(faults[:20]))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
