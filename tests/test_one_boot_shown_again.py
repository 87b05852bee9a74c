"""What shows the beginning of a boot again is not the next boot, whose log tells of nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from host.test_sos import MESSAGE
from test_door import judged, verdict
from test_offline import run, saved

pytestmark = pytest.mark.more

RAW = (
    "[    0.000000] Linux version 6.1.0\n",
    "[    0.000000] Command line: root=/dev/vda\n",
    "[    9.000000] x\n",
    f"[  100.000000] {MESSAGE}\n",
    f"[  200.000000] {MESSAGE}\n",
)
EARLY = (
    *RAW[:2],
    "[    0.000412] BIOS-provided physical RAM map:\n",
    "[    0.004711] Booting paravirtualized kernel on KVM\n",
    "[    0.901234] Run /init as init process\n",
    "[    2.304001] EXT4-fs (nvme0n1p1): mounted filesystem\n",
    *RAW[2:],
)
STAMPS = ("Wed Nov 25 02:41:03 2026", "Wed Nov 25 02:41:12 2026", "Wed Nov 25 02:42:43 2026")
WALL = (
    f"[{STAMPS[0]}] Linux version 6.1.0\n",
    f"[{STAMPS[1]}] x\n",
    f"[{STAMPS[2]}] {MESSAGE}\n",
)
ISO = tuple(
    line.replace(f"[{stamp}]", f"2026-11-25T{stamp[11:19]},000000+00:00")
    for stamp, line in zip(STAMPS, WALL)
)
AGAIN = {
    "head": "".join(("$ dmesg\n", *RAW, "$ dmesg | head -2\n", *RAW[:2])),
    "grep": "".join(("# dmesg\n", *RAW, "# dmesg | grep -i 'linux version'\n", RAW[0])),
    "twice": "".join(("root@web:~# dmesg\n", *RAW, "root@web:~# dmesg\n", *RAW)),
    "raw": "".join((*EARLY, *EARLY)),
    "head of raw": "".join((*EARLY, *EARLY[:6])),
    "raw, and later again": "".join((*EARLY[:-1], *EARLY)),
    "head in front": "".join((*EARLY[:5], *EARLY)),
    "raw with levels": "".join(f"<6>{line}" for line in (*EARLY, *EARLY[:7])),
    "-T": "".join((*WALL, *WALL[:2])),
    "iso": "".join((*ISO, ISO[0])),
    "tac": "".join(RAW[::-1]),
    "tac of -T": "".join((f"[Wed Nov 25 02:42:50 2026] {MESSAGE}\n", *WALL[::-1])),
    "sort -r of iso": "".join((f"2026-11-25T02:42:50,000000+00:00 {MESSAGE}\n", *ISO[::-1])),
}


@pytest.mark.parametrize("how", AGAIN)
def test_it_is_one_boot(how: str, tmp_path: Path) -> None:
    (one,) = judged(tmp_path, saved(tmp_path, "log", AGAIN[how]))
    assert verdict(one) == "PROBLEM"


@pytest.mark.parametrize("how", ["twice", "raw", "raw, and later again", "head in front"])
def test_what_dmesg_shows_twice_is_counted_once(how: str, tmp_path: Path) -> None:
    done = run(tmp_path, saved(tmp_path, "log", AGAIN[how]))
    assert "Conntrack table full errors found. 2 occurrences in " in done.stdout


LATER = ("[Wed Nov 25 02:50:03 2026] Linux version 6.1.0\n", "[Wed Nov 25 02:50:12 2026] x\n")


NEXT = tuple(line.replace("] B", "] b") for line in EARLY[:6])  # of a boot in other words
OTHER = tuple(line.replace("1234", "1239").replace("412", "437") for line in EARLY[:6])


@pytest.mark.parametrize(
    "text",
    [
        "".join((*WALL, *LATER)),
        "".join((*RAW, *RAW[:3])),  # two boots may have so little alike
        "".join((*EARLY, *NEXT)),
        "".join((*EARLY, *OTHER)),
        "".join((*EARLY, *EARLY[:6], "[    3.000000] another one\n")),
    ],
)
def test_another_boot_stays_another(text: str, tmp_path: Path) -> None:
    (one,) = judged(tmp_path, saved(tmp_path, "log", text))
    assert verdict(one) == "WARNING"
