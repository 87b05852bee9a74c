"""A Debian machine on an emulated NVMe disk, and ways to break it: what its console says.

    python tests/boot/machine.py FOLDER            build it in FOLDER (debootstrap, some minutes)
    python tests/boot/machine.py FOLDER NAME...    break it in these ways, boot, print the consoles

No KVM is needed: QEMU's plain emulation boots it in about a minute.  Each way is a small script in
`breaks`; its first line says what `bootstopped` is to make of the console.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

BREAKS = Path(__file__).with_name("breaks")
ROOT = "aaaaaaaa-0000-0000-0000-000000000001"
NEEDS = ("debootstrap", "qemu-system-x86_64", "mke2fs", "debugfs")
PACKAGES = "linux-image-cloud-amd64,initramfs-tools,zstd,systemd-sysv,udev,dbus"
SECONDS = 600
"""How long a boot may take: minutes on a busy machine."""

ENDS = (
    *(" login:", "(initramfs)", "Press Enter", "Give root password", "end Kernel panic"),
    *("reboot: machine restart", "reboot: System halted"),
)
"""Behind these a console says nothing more that counts."""

# What the scripts use: `put PATH` writes a file from standard input, `gone PATH...` removes, `inode
# PATH FIELD VALUE` sets a field; append, kernel and initrd are how QEMU starts it.
HELPERS = """
set -eu
edit() { debugfs -w -f - "$disk" >/dev/null 2>&1; }
put() { cat > "$disk.new"; printf 'rm %s\\nwrite %s %s\\n' "$1" "$disk.new" "$1" | edit; }
gone() { for one; do echo "rm $one"; done | edit; }
link() { printf 'rm %s\\nsymlink %s %s\\n' "$1" "$1" "$2" | edit; }
inode() { echo "sif $1 $2 $3" | edit; }
fstab() { printf 'UUID=%s / ext4 defaults 0 1\\n%s\\n' "$root" "$1" | put /etc/fstab; }
"""


def lacking() -> list[str]:
    """The programs that are not here."""
    return [
        name for name in NEEDS if shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin") is None
    ]


def build(folder: Path, *more: str) -> None:
    """Make the machine's disk, kernel and initrd in a folder; nothing if they are there.

    `more` are packages beside those that it needs to boot.
    """
    if (folder / "disk").exists():
        return
    tree = folder / "root"
    packages = ",".join((PACKAGES, *more))
    run("debootstrap", "--variant=minbase", f"--include={packages}", "bookworm", str(tree))
    (tree / "etc/hostname").write_text("vm\n")
    (tree / "etc/fstab").write_text(f"UUID={ROOT} / ext4 defaults 0 1\n")
    kernel = next((tree / "boot").glob("vmlinuz-*"))
    shutil.copy(kernel, folder / "kernel")
    shutil.copy(next((tree / "boot").glob("initrd.img-*")), folder / "initrd")
    made = folder / "disk.made"
    run("mke2fs", "-q", "-t", "ext4", "-U", ROOT, "-d", str(tree), str(made), "2G")
    made.rename(folder / "disk")


def machine_of(folder: str | None) -> Path | str:
    """Give the folder of a machine, which is built there; or why there is none."""
    if not folder:
        return "no machine is booted: EC2RL_BOOT_BENCH names no folder for one"
    if missing := lacking():
        return f"no machine can be booted here: {', '.join(missing)} missing"
    Path(folder).mkdir(exist_ok=True)
    build(Path(folder))
    return Path(folder)


def apply(folder: Path, disk: Path, way: Path, base: Path | None = None) -> list[str]:
    """Change a copy of the machine in one way; give what its script says of kernel and initrd."""
    run("cp", "--sparse=always", "--reflink=auto", str(base or folder / "disk"), str(disk))
    settings = 'append=""; kernel=kernel; initrd=initrd\n'
    end = '\nprintf "%s\\n%s\\n%s\\n" "$append" "$kernel" "$initrd"\n'
    script = HELPERS + settings + way.read_text() + end
    path = f"/usr/sbin:/sbin:{os.environ['PATH']}"
    said = subprocess.run(
        ["sh", "-c", script], cwd=folder, check=True, capture_output=True, text=True,
        env={"PATH": path, "disk": str(disk), "root": ROOT},
    )  # fmt: skip
    return said.stdout.split("\n")[:3]


def boot(
    folder: Path, way: Path, *options: str, seconds: float = SECONDS, base: Path | None = None
) -> str:
    """Change a copy of the machine in one way, boot it, and give its console's text.

    `options` are for QEMU; `base` is another disk than the machine's own.
    """
    disk, console = folder / f"disk.{way.stem}", folder / f"console.{way.stem}"
    append, kernel, initrd = apply(folder, disk, way, base)
    root = "" if "root=" in append else f"root=UUID={ROOT}"
    words = [
        "qemu-system-x86_64", "-machine", "q35", "-cpu", "max", "-m", "768", "-accel", "tcg",
        "-nographic", "-no-reboot", "-nic", "none", "-monitor", "none", "-display", "none",
        "-kernel", kernel, *(("-initrd", initrd) if initrd else ()),
        "-append", f"{root} ro console=ttyS0 panic=1 {append}",
        "-drive", f"file={disk},if=none,id=d,format=raw", "-device", "nvme,drive=d,serial=vol1",
        "-serial", f"file:{console}", *options,
    ]  # fmt: skip
    console.write_bytes(b"")
    machine = subprocess.Popen(words, cwd=folder, stdout=subprocess.DEVNULL)
    until = time.monotonic() + seconds
    try:
        while machine.poll() is None and time.monotonic() < until:
            time.sleep(1)
            if any(end.encode() in console.read_bytes() for end in ENDS):
                time.sleep(3)
                break
    finally:
        machine.terminate()
        machine.wait(30)
        disk.unlink()
    return console.read_text(errors="backslashreplace")


def run(*words: str) -> None:
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)


if __name__ == "__main__":
    where = Path(sys.argv[1]).resolve()
    where.mkdir(exist_ok=True)
    build(where)
    for one in sys.argv[2:]:
        print(boot(where, BREAKS / f"{one}.sh"))
