"""A /boot that nobody made in good faith: bounded, nothing followed out, never a SUCCESS."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from ec2rl.catalogue import load
from ec2rl.host.mounted import MountedHost
from ec2rl.model import Finding, Verdict
from ec2rl.module import diagnose
from ec2rl.report.text import result

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

ENTRY = b"menuentry 'x' { linux /boot/vmlinuz-1 root=/dev/sda1; initrd /boot/initrd.img-1; }\n"
PLACES: dict[str, Callable[[Path], object]] = {
    "fifo": os.mkfifo,
    "folder": lambda path: path.mkdir(),
    "link out": lambda path: path.symlink_to("../../../../../../../../../etc/passwd"),
    "link to itself": lambda path: path.symlink_to(path.name),
    "device": lambda path: path.symlink_to("/dev/zero"),
    "17 MiB": lambda path: path.write_bytes(b"#" * (17 << 20)),
    "1 MiB of entries": lambda path: path.write_bytes(ENTRY * 12_000),
    "1 MiB of signs": lambda path: path.write_bytes(b"'$\\\"" * (250 << 10)),
    "variables": lambda path: path.write_bytes(b"set a=$a$a\nif x; then set a=b; fi\n" * 9_000),
    "many variables": lambda path: path.write_bytes(
        b"".join(b"set v%d=1\n" % n for n in range(20_000)) + b"if x; then a; fi\n" * 20_000
    ),
    "loops": lambda path: path.write_bytes(b"function a { a; a; }\na\n" + ENTRY),
    "binary": lambda path: path.write_bytes(os.urandom(1 << 20)),
    "escapes": lambda path: path.write_bytes(b"menuentry '\x1b[2J' { linux /\x1b]0;x\x07 }\n"),
    "braces": lambda path: path.write_bytes(b"menuentry '{x}' { linux /{0} {y}; }\n"),
    "long path": lambda path: path.write_bytes(b"menuentry 'x' { linux /" + b"a/" * 9000 + b" }\n"),
}  # fmt: skip


def judged(root: Path) -> Finding:
    return diagnose(load("bootentry"), MountedHost(str(root))).finding


@pytest.mark.parametrize("name", PLACES)
@pytest.mark.parametrize("file", ["grub.cfg", "grubenv", "initrd.img-1", "entry"])
def test_what_lies_there(tmp_path: Path, name: str, file: str) -> None:
    folder = tmp_path / "boot/grub"
    folder.mkdir(parents=True)
    menu = b'load_env\nset default="$saved_entry"\n' + ENTRY
    (folder / "grub.cfg").write_bytes(menu + b"insmod blscfg\nblscfg\n" * (file == "entry"))
    places = {
        "initrd.img-1": tmp_path / "boot/initrd.img-1",
        "entry": tmp_path / "boot/loader/entries/x.conf",
    }
    path = places.get(file, folder / file)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    PLACES[name](path)
    begun = time.monotonic()
    found = judged(tmp_path)
    assert time.monotonic() - begun < 20
    assert found.verdict not in (Verdict.OK, Verdict.CRASHED)
    assert "\x1b" not in result("bootentry", found)
    assert "root:" not in result("bootentry", found)
