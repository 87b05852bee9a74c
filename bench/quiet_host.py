"""What `start.py` measures, on a quiet host: a Debian machine that has just been booted.

    sudo python3 bench/quiet_host.py FOLDER [ROUNDS]

The machine is built in FOLDER, once (tests/boot/machine.py: debootstrap, from a mirror; it is not
that of tests/boot, which has no Python).  QEMU emulates it, and counts a nanosecond for each
instruction (`-icount`): what else runs on this machine changes nothing.  So these are ratios of
instructions, not of time: what a processor's caches do to them is not in there.  Its kernel's log
is its own, and holds the boot's lines alone.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(CHECKOUT / "tests"))

from boot.machine import boot, build  # noqa: E402 - it stands beside the tests

WAY = """
put /checkout.tar < checkout.tar
put /etc/systemd/system/bench.service <<'END'
[Unit]
SuccessAction=poweroff
FailureAction=poweroff
[Service]
Type=oneshot
ExecStart=modprobe nf_conntrack
ExecStart=tar -xf /checkout.tar -C /srv
ExecStart=python3 /srv/bench/start.py --rounds=ROUNDS
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
END
append="quiet systemd.unit=bench.service"
"""
SECONDS = 3600
TOLD = (" x bare", "; of processors", "Error")
"""What the lines hold that are shown of the console."""


def main() -> None:
    folder = Path(sys.argv[1]).resolve()
    folder.mkdir(exist_ok=True)
    build(folder, "python3")
    files = ["ec2rl", "src", "bench/start.py"]
    tar = ["tar", "-cf", str(folder / "checkout.tar"), *files]
    subprocess.run(tar, cwd=CHECKOUT, check=True)
    way = folder / "bench.sh"
    way.write_text(WAY.replace("ROUNDS", sys.argv[2] if sys.argv[2:] else "5"))
    console = boot(folder, way, "-icount", "shift=0", seconds=SECONDS)
    told = [line for line in console.splitlines() if any(word in line for word in TOLD)]
    print("\n".join(told) or f"nothing was measured: {console[-2000:]}")


if __name__ == "__main__":
    main()
