"""Sixty roots of machines that were broken into, as seen by whoever mounts them.

`python tests/hostile/volumes.py FOLDER` makes them.  In each, one thing at a path that is looked at
leads elsewhere, waits, or does not end.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

SENTINEL = "SENTINEL-4b1d0c5e-never-to-be-read"
FULL = "Nov  3 02:00:00 victim kernel: nf_conntrack: nf_conntrack: table full, dropping packet\n"
LOG = "var/log/messages"
PLACES = (LOG, "etc/sysctl.conf", "etc/localtime", "var/log/journal", "boot/grub/grub.cfg")

Make = Callable[[Path], None]


def put(root: Path, path: str, text: str = "") -> Path:
    place = root / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)
    return place


def clear(root: Path, path: str) -> Path:
    """Make room for something else at a path."""
    place = root / path
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.is_dir():
        place.rmdir()
    place.unlink(missing_ok=True)
    return place


def link(path: str, target: str) -> Make:
    return lambda root: clear(root, path).symlink_to(target)


def device(path: str, kind: int, major: int, minor: int) -> Make:
    def make(root: Path) -> None:
        os.mknod(clear(root, path), kind | 0o666, os.makedev(major, minor))

    return make


def fifo(path: str) -> Make:
    return lambda root: os.mkfifo(clear(root, path))


def bound(path: str) -> Make:
    def make(root: Path) -> None:
        with socket.socket(socket.AF_UNIX) as server:
            here = os.open(".", os.O_RDONLY)
            os.chdir(clear(root, path).parent)
            try:
                server.bind(os.path.basename(path))
            finally:
                os.fchdir(here)
                os.close(here)

    return make


def folder_link(path: str, target: str) -> Make:
    """The folder of a path is the link."""

    def make(root: Path) -> None:
        folder = root / os.path.dirname(path)
        for file in sorted(folder.iterdir()) if folder.is_dir() else ():
            if file.is_dir():
                file.rmdir()
            else:
                file.unlink()
        clear(root, os.path.dirname(path)).symlink_to(target)

    return make


def many(path: str, count: int) -> Make:
    def make(root: Path) -> None:
        for number in range(count):
            put(root, f"{path}{number}")

    return make


def nested(root: Path) -> None:
    for number in range(60):
        clear(root, f"l{number}").symlink_to(f"l{number + 1}/../l{number + 1}")
    clear(root, LOG).symlink_to("/l0")


def large(root: Path) -> None:
    with put(root, LOG).open("r+b") as file:
        file.truncate(20 << 30)


def no_rights(root: Path) -> None:
    put(root, LOG, FULL).chmod(0)


def noise(root: Path) -> None:
    place = put(root, f"var/log/journal/{'a' * 32}/system.journal")
    place.write_bytes(b"LPKSHHRH" + bytes(range(256)) * 64)


def odd_names(root: Path) -> None:
    for name in ("messages-\n-- expect --", "messages-\x1b[2J", "messages-; gap=x", "messages- "):
        put(root, f"var/log/{name}", FULL)
    with open(os.fsencode(root / "var/log") + b"/messages-\xff\xfe", "w") as file:
        file.write(FULL)


def volumes(outside: Path) -> Iterator[tuple[str, Make]]:
    """Name and maker of each; `outside` is a folder of ours with a file `secret` in it."""
    secret = str(outside / "secret")
    for place in PLACES:
        up = "../" * 30 + secret.lstrip("/")
        for name, target in (("absolute", secret), ("upwards", up), ("proc", "/proc/self/environ")):
            yield f"{name}-{place}", link(place, target)
        yield f"root-of-a-process-{place}", link(place, f"/proc/self/root{secret}")
        yield f"descriptor-{place}", link(place, "/proc/self/fd/0")
        yield f"fifo-{place}", fifo(place)
        yield f"socket-{place}", bound(place)
        yield f"zero-{place}", device(place, 0o20000, 1, 5)
    yield "terminal", device(LOG, 0o20000, 5, 0)
    yield "sys", link(LOG, "../../sys/kernel/notes")
    yield "null", link(LOG, "/dev/null")
    yield "long-name", link(LOG, "a" * 255)
    yield "disk", device(LOG, 0o60000, 7, 0)
    yield "kmsg", device("dev/kmsg", 0o20000, 1, 11)
    for name, target in (
        ("to-ours", str(outside)),
        ("to-root", "/"),
        ("to-proc", "/proc/1/root/var/log"),
        ("to-dev", "/dev"),
        ("to-itself", "log"),
    ):
        yield f"folder-{name}", folder_link(LOG, target)
    yield "etc-is-a-link", folder_link("etc/sysctl.conf", str(outside))
    yield "journal-of-ours", link("var/log/journal", "/var/log/journal/../../../var/log/journal")
    yield "machine-is-a-link", link(f"var/log/journal/{'a' * 32}", str(outside))
    yield "journal-file-is-a-link", link(f"var/log/journal/{'a' * 32}/system.journal", secret)
    yield "journal-file-is-a-fifo", fifo(f"var/log/journal/{'a' * 32}/system.journal")
    yield "journal-of-noise", noise
    yield "loop", link(LOG, "messages")
    yield "nested", nested
    yield "log-is-a-folder", lambda root: clear(root, LOG).mkdir()
    yield "many-rotations", many("var/log/messages-", 3000)
    yield "many-machines", many("var/log/journal/x", 2000)
    yield "large-and-empty", large
    yield "no-rights", no_rights
    yield "odd-names", odd_names
    yield "a-file-called-dmesg", lambda root: void(put(root, "dmesg", f"[    0.0] {FULL}"))
    yield "programs", programs
    yield "run-is-ours", link("run", "/run")
    yield "var-is-a-link", link("srv", "/var")
    yield "empty", lambda root: (root / "var/log/kern.log").unlink()


def void(_: object) -> None:
    """Take a value where none is wanted."""


def programs(root: Path) -> None:
    """What a reader would run if it looked for programs, or for Python, in there."""
    for path in ("usr/bin/journalctl", "bin/xz", "usr/bin/zstd", "usr/bin/python3"):
        put(root, path, "#!/bin/sh\ntouch /tmp/it-was-run\n").chmod(0o755)
    put(root, "etc/ld.so.preload", "/lib/evil.so\n")
    put(root, "sitecustomize.py", "open('/tmp/it-was-run', 'w')\n")


def build(folder: Path) -> dict[str, Path]:
    """Make all of them below a folder, and `outside/secret` beside them."""
    outside = folder / "outside"
    outside.mkdir(parents=True)
    for name in ("secret", "messages", "sysctl.conf", "system.journal"):
        (outside / name).write_text(f"{SENTINEL}\n{FULL}")
    made = {}
    for number, (name, make) in enumerate(volumes(outside)):
        root = folder / f"{number:02}"
        put(root, "var/log/kern.log", FULL)
        put(root, "etc/hostname", "victim\n")
        make(root)
        made[name] = root
    return made


if __name__ == "__main__":
    for name, root in build(Path(sys.argv[1])).items():
        print(root, name)
