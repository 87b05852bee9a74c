"""What a module's parameter will be: texts, and the real modprobe beside us."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from ec2rl.host.recording import RecordedHost
from ec2rl.model import Evidence
from ec2rl.next_boot.options import option
from support.layouts import RootedHost, lay

A = "/etc/modprobe.d/a.conf"
HOST = {
    "/proc/sys/kernel/osrelease": "6.1.0",
    "/proc/cmdline": "ro quiet",
    "/lib/modules/6.1.0/modules.builtin": "kernel/drivers/nvme/host/nvme-core.ko",
    "/lib/modules/6.1.0/modules.dep": "kernel/drivers/scsi/scsi_mod.ko:",
    "/sys/module/nvme_core/parameters/io_timeout": "30",
}


def test_the_command_line_comes_after_modprobe() -> None:
    looks = {**HOST, A: "options scsi-mod scan=async\noptions scsi_mod scan=sync"}
    (setting,) = option(RecordedHost(looks), "scsi_mod.scan").settings
    assert (setting.value, setting.because) == ("sync", "modprobe")
    assert setting.losers == (Evidence(f"{A}:1", "options scsi-mod scan=async"),)
    looks["/proc/cmdline"] = 'scsi-mod.scan="manual now"'
    (setting,) = option(RecordedHost(looks), "scsi_mod.scan").settings
    assert (setting.value, setting.because) == ("manual now", "the kernel's command line")


def test_a_built_in_module_obeys_the_command_line_alone() -> None:
    looks = {**HOST, A: "options nvme_core io_timeout=255"}
    found = option(RecordedHost(looks), "nvme-core.io_timeout")
    (setting,) = found.settings
    assert (setting.key, setting.now, setting.value) == ("nvme_core.io_timeout", "30", None)
    assert found.warnings == (
        f"{A}:1: nvme_core is built in, modprobe never loads it: "
        "'options nvme_core io_timeout=255' does nothing",
    )


def test_an_initial_ram_disk_has_copies() -> None:
    looks = {**HOST, A: "options scsi_mod scan=sync", "ls /boot": "initrd.img-6.1.0"}
    assert option(RecordedHost(looks), "scsi_mod.scan").warnings == (
        "if /boot/initrd.img-6.1.0 loads scsi_mod, its own copies of modprobe.d count: rebuild it "
        "after a change",
    )


def test_what_may_decide_and_was_not_read() -> None:
    looks = {**HOST, A: "!denied needs root"}
    found = option(RecordedHost(looks), "scsi_mod.scan")
    assert found.settings[0].because == f"{A}: denied (needs root) may decide"
    assert [str(one) for one in found.unread] == [f"{A}: denied (needs root)"]
    install = {**HOST, A: "install scsi_mod /bin/true"}
    assert (
        option(RecordedHost(install), "scsi_mod.scan").settings[0].because
        == f"{A}:1 runs a command"
    )


MODPROBE = shutil.which("modprobe") or "/sbin/modprobe"
_SCRIPT = """
set -e
layout=$1; shift
mount --rbind / "$layout/root"
for name in etc run usr/lib/modprobe.d; do mount --bind "$layout/$name" "$layout/root/$name"; done
mount --bind "$layout/cmdline" "$layout/root/proc/cmdline"
exec chroot "$layout/root" "$@" -c
"""
FOLDERS = ("/etc/modprobe.d", "/run/modprobe.d", "/usr/lib/modprobe.d")
LINES = (
    "options alpha one=1",
    "options alpha one=2 two=x",
    "options alpha \\\n  two=y",
    'options alpha two="z"',
    "options al-pha one=3",
    "options al_pha one=4 two=5",
    "# options alpha one=9",
    "blacklist alpha",
    "options alpha",
    "alias beta alpha",
)
CMDLINES = ("ro", "ro alpha.one=7", "alpha.two=8 al-pha.one=6", "quiet al_pha.two=a,b")


def _real(folder: Path) -> dict[str, str]:
    """The last value of each parameter that modprobe would give."""
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", _SCRIPT, "sh", str(folder), MODPROBE],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    found = {}
    for line in done.stdout.splitlines():
        words = line.split()
        if words[:1] == ["options"]:
            for word in words[2:]:
                name, _, value = word.partition("=")
                found[f"{words[1].replace('-', '_')}.{name}"] = value.strip('"')
    return found


class _CommandLineHost(RootedHost):
    def _below(self, path: str) -> str:
        below = super()._below(path)
        return f"{self.__dict__['root']}/cmdline" if path == "/proc/cmdline" else below


@pytest.mark.root
@pytest.mark.parametrize("seed", range(20))
def test_modprobe_gives_what_we_compute(seed: int, tmp_path: Path) -> None:
    if os.geteuid() != 0 or not os.path.exists(MODPROBE):
        pytest.skip("needs root and modprobe (package kmod)")
    if not os.path.isdir("/usr/lib/modprobe.d"):
        pytest.skip("needs the folder /usr/lib/modprobe.d (package kmod)")
    rng = random.Random(seed)
    files = {}
    for _ in range(rng.randrange(1, 6)):
        name = rng.choice(("a.conf", "B.conf", "10.conf", "z", ".h.conf"))
        text = "\n".join(rng.choices(LINES, k=rng.randrange(1, 4))) + "\n"
        files[f"{rng.choice(FOLDERS)}/{name}"] = rng.choice((text, text, text, "-> /dev/null"))
    lay(tmp_path, files)
    for folder in FOLDERS:
        (tmp_path / folder[1:]).mkdir(parents=True, exist_ok=True)
    (tmp_path / "cmdline").write_text(rng.choice(CMDLINES) + "\n")
    real = _real(tmp_path)
    host = _CommandLineHost(tmp_path)
    ours = {}
    for name in ("alpha.one", "alpha.two", "al_pha.one", "al_pha.two"):
        (setting,) = option(host, name).settings
        if setting.value is not None:
            ours[name] = setting.value
    assert ours == real
