"""`ec2rl boot`: keys, module parameters and files, on this machine and on a volume."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.more

EC2RL = Path(__file__).parent.parent / "ec2rl"


def ec2rl(*words: str) -> subprocess.CompletedProcess[str]:
    return ec2rl_of("boot", *words)


def ec2rl_of(*words: str) -> subprocess.CompletedProcess[str]:
    command = [str(EC2RL), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def volume(folder: Path, **files: str) -> str:
    texts = {
        "boot/grub/grub.cfg": "\tlinux /boot/vmlinuz-6.1.0-9 root=/dev/x ro quiet\n",
        "usr/lib/systemd/systemd-sysctl": "",
        "lib/modules/6.1.0-9/modules.builtin": "",
        "lib/modules/6.1.0-9/modules.dep": "",
        "etc/sysctl.d/10.conf": "vm.swappiness = 5\nkernel.core_pattern = |/usr/bin/x %p\n",
        "etc/sysctl.d/20.conf": "vm/swappiness=10\n",
        "etc/modprobe.d/scsi.conf": "options scsi_mod scan=sync\n",
        **files,
    }
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return f"--root={folder}"


def test_a_value_that_cannot_be_told_is_no_success(tmp_path: Path) -> None:
    """Whichever command says `unknown`, of one setting or of another."""
    files = {"etc/modules-load.d/nf.conf": "nf_conntrack\n"}
    sizes = "net.netfilter.nf_conntrack_max=9\nnet.netfilter.nf_conntrack_buckets=512\n"
    one, two, none, odd = (tmp_path / name for name in ("one", "two", "none", "odd"))
    volumes = {
        one: volume(one, **files, **{"etc/sysctl.d/30.conf": sizes.splitlines()[0]}),
        two: volume(two, **files, **{"etc/sysctl.d/30.conf": sizes}),
        none: volume(none, **files),
        odd: volume(odd, **{"etc/rc.local": "#!/bin/sh\nsysctl -w vm.swappiness=$(nproc)\n"}),
    }
    told = {path.name: ec2rl_of("conntrack", "boot", root) for path, root in volumes.items()}
    assert {name: done.returncode for name, done in told.items()} == {
        "one": 3, "two": 0, "none": 3, "odd": 3,
    }  # fmt: skip
    assert all(("unknown" in done.stdout) is bool(done.returncode) for done in told.values())
    (odd / "etc/rc.local").chmod(0o755)
    assert ec2rl(volumes[odd], "vm.swappiness").returncode == 3
    assert ec2rl(volumes[two], "vm.swappiness", "vm.overcommit_memory").returncode == 0


def test_all_that_a_volume_sets(tmp_path: Path) -> None:
    done = ec2rl(volume(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert (
        done.stdout
        == """\
After a reboot:

    sysctl files are applied by: systemd-sysctl

setting                                         after
kernel.core_pattern                        |/usr/bin/x %p
    because: systemd-sysctl: /etc/sysctl.d/10.conf:2: kernel.core_pattern =
             |/usr/bin/x %p
vm.swappiness                                      10
    because: systemd-sysctl: /etc/sysctl.d/20.conf:1: vm/swappiness=10
    no effect: /etc/sysctl.d/10.conf:1: vm.swappiness = 5
"""
    )


def test_a_key_a_parameter_and_a_file(tmp_path: Path) -> None:
    words = ("vm/swappiness", "fs.file-max", "scsi_mod.scan", "/etc/sysctl.d/20.conf")
    done = ec2rl(volume(tmp_path), *words)
    assert (done.returncode, done.stderr) == (0, "")
    assert (
        done.stdout
        == """\
After a reboot:

    sysctl files are applied by: systemd-sysctl

setting                                         after
scsi_mod.scan                                    sync
    because: modprobe: /etc/modprobe.d/scsi.conf:1: options scsi_mod scan=sync
vm.swappiness                                      10
    because: systemd-sysctl: /etc/sysctl.d/20.conf:1: vm/swappiness=10
    no effect: /etc/sysctl.d/10.conf:1: vm.swappiness = 5
fs.file-max                                   default
    because: not set anywhere: the kernel's default, which is not known here
/etc/sysctl.d/20.conf: counts
"""
    )


def test_the_same_as_json(tmp_path: Path) -> None:
    done = ec2rl(volume(tmp_path), "vm.swappiness", "/run/sysctl.d/20.conf", "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["schema_version"], found["reader"]) == (0, 1, "systemd-sysctl")
    assert found["files"] == [
        {
            "path": "/run/sysctl.d/20.conf",
            "counts": False,
            "why": "/etc/sysctl.d/20.conf replaces it",
        }
    ]
    (setting,) = found["settings"]
    assert (setting["key"], setting["now"], setting["after"]) == ("vm.swappiness", None, "10")
    assert setting["decided"] == {"source": "/etc/sysctl.d/20.conf:1", "text": "vm/swappiness=10"}


def test_what_a_pattern_meets_is_not_known_on_a_volume(tmp_path: Path) -> None:
    root = volume(tmp_path, **{"etc/sysctl.d/30.conf": "net.ipv4.conf.*.rp_filter=2\n"})
    done = ec2rl(root)
    assert done.returncode == 3
    assert "Not read: /proc/sys: unknown, which keys a pattern meets is not known" in done.stdout
    assert ec2rl(root, "vm.swappiness").returncode == 0
    done = ec2rl(root, "net.ipv4.conf.all.rp_filter")
    assert done.returncode == 0
    assert done.stdout.splitlines()[5].split() == ["net.ipv4.conf.all.rp_filter", "2"]


def test_who_knows_more_of_a_key_is_asked(tmp_path: Path) -> None:
    """By its other name, and with the number that the kernel makes of it."""
    line = {"etc/sysctl.d/30.conf": "net.nf_conntrack_max=0x1000\n"}
    load = {"etc/modules-load.d/a.conf": "nf_conntrack\n"}
    root = volume(tmp_path, **line, **load)
    found = json.loads(ec2rl(root, "net.netfilter.nf_conntrack_max", "--json").stdout)
    assert [(each["key"], each["after"]) for each in found["settings"]] == [
        ("net.netfilter.nf_conntrack_max", 4096)
    ]
    everything = json.loads(ec2rl(root, "--json").stdout)["settings"]
    assert [each["after"] for each in everything] == ["|/usr/bin/x %p", "10", 4096]


@pytest.mark.parametrize("word", ["swappiness", "/etc/passwd", "a.b.c.d", "/tmp/a.conf"])
def test_what_is_no_key_is_a_wrong_command_line(word: str) -> None:
    done = ec2rl(word)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{word!r} is no key: write vm.swappiness" in done.stderr


def test_this_machine() -> None:
    done = ec2rl("kernel.osrelease", "net.ipv4.conf.*.rp_filter", "--json")
    found = {each["key"]: each for each in json.loads(done.stdout)["settings"]}
    assert "net.ipv4.conf.lo.rp_filter" in found
    assert found["kernel.osrelease"]["now"]


def test_a_key_that_is_not_here_is_called_that_and_the_nearest_one_is_named() -> None:
    """Of a host that runs alone: a volume does not tell which keys its kernel has."""
    said = " ".join(ec2rl("vm.swapiness", "vmm.swappiness", "nosuch.key").stdout.split())
    assert "vm.swapiness: no such key here: did you mean vm.swappiness?" in said
    assert "vmm.swappiness: no such key here, and no module vmm is loaded: did you mean" in said
    assert "nosuch.key: no such key here, and no module nosuch is loaded" in said
    assert "no such key" not in ec2rl("vm.swappiness").stdout


def test_a_drop_in_is_found_by_its_bare_name(tmp_path: Path) -> None:
    done = ec2rl(volume(tmp_path), "20.conf")
    assert (done.returncode, done.stderr) == (0, "")
    assert "/etc/sysctl.d/20.conf: counts" in done.stdout
    done = ec2rl(f"--root={tmp_path}", "99-none.conf")
    assert done.returncode == 2
    assert "'99-none.conf': no folder of drop-in files has it: give its path" in done.stderr
    assert "no such key" not in ec2rl(f"--root={tmp_path}", "vm.swapiness").stdout
