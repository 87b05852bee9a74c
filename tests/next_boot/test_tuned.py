"""What tuned leaves of a key: its profile, then the sysctl files again."""

from __future__ import annotations

import pytest

from ec2rl.host.recording import RecordedHost
from ec2rl.next_boot.files import Names, boot_files
from ec2rl.next_boot.rules import Rules
from ec2rl.next_boot.setting import Changer
from ec2rl.next_boot.tuned import tuned

KEY = "vm.swappiness"
PROFILE = "/usr/lib/tuned/node/tuned.conf"
ACTIVE = {"/etc/tuned/active_profile": "node", PROFILE: f"[sysctl]\n{KEY}=5"}
OFF = {"/etc/tuned/tuned-main.conf": "reapply_sysctl = 0"}
FILE = {"/etc/sysctl.d/a.conf": f"{KEY}=9"}
HOST = {"ls /usr/lib/systemd": "systemd-sysctl", "/proc/cmdline": ""}


def values(*parts: dict[str, str]) -> list[object]:
    looks: dict[str, str] = {}
    for part in parts:
        looks.update(part)
    host = RecordedHost(looks)
    found = tuned(host, Rules(host, ["vm/swappiness"]))
    return [one.value if isinstance(one, Changer) else one for one in found]


@pytest.mark.parametrize(
    ("parts", "left"),
    [
        ([ACTIVE], ["5"]),
        ([ACTIVE, FILE], ["9"]),
        ([ACTIVE, FILE, OFF], ["5"]),
        ([ACTIVE, {"/etc/sysctl.conf": f"{KEY}=8"}, FILE], ["8"]),
        ([ACTIVE, {"/usr/lib/sysctl.d/a.conf": f"{KEY}=8"}], ["5"]),
        ([ACTIVE, {"/run/sysctl.d/a.conf": f"{KEY}=8"}, FILE], ["8"]),
        ([ACTIVE, {PROFILE: f"[sysctl]\n{KEY}=${{n}}"}], [None]),
        ([ACTIVE, {PROFILE: f"[sysctl]\n{KEY}=>10"}], [None]),
        ([ACTIVE, {PROFILE: f"[mine]\ntype=sysctl\n{KEY}=6"}], ["6"]),
        ([ACTIVE, {PROFILE: f"[vm]\n{KEY}=6"}, FILE], []),
        ([ACTIVE, {PROFILE: f"[main]\ninclude=base\n[sysctl]\n{KEY}=6"},
          {"/usr/lib/tuned/base/tuned.conf": f"[sysctl]\n{KEY}=4"}], ["6"]),
        ([{**ACTIVE, PROFILE: "[main]\ninclude=base\n"},
          {"/etc/tuned/base/tuned.conf": f"[sysctl]\n{KEY}=4"}], ["4"]),
    ],
)  # fmt: skip
def test_what_is_left(parts: list[dict[str, str]], left: list[object]) -> None:
    assert values(*parts) == left


def test_profiles_that_include_each_other() -> None:
    looks = {**ACTIVE, PROFILE: f"[main]\ninclude=node,node\n[sysctl]\n{KEY}=5"}
    assert values(looks) == ["5"]


@pytest.mark.parametrize(("more", "lasts"), [({}, True), (OFF, False)])
def test_a_fix_lasts_where_tuned_applies_the_files_again(more: dict[str, str], lasts: bool) -> None:
    host = RecordedHost({**HOST, **ACTIVE, **FILE, **more})
    files = boot_files(host, {KEY: "10"}, Names(("/etc/sysctl.d/zz.conf",)))
    assert files.lasting is lasts
    assert all("tuned profile node sets it to 5" in why for why in files.not_persistent)
