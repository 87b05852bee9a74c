"""The kernel's own settings: in a network namespace of our own; the table's size for a moment."""

from __future__ import annotations

import ctypes
import os
from contextlib import ExitStack

import pytest

from ec2rl.conntrack.defaults import round_buckets
from ec2rl.fix.change import Found, SysctlItem
from ec2rl.fix.errors import FixError, Outcome
from ec2rl.fix.kinds.kind import At
from ec2rl.fix.kinds.sysctl import Sysctl
from ec2rl.fix.machine import Machine
from ec2rl.fix.transaction import apply, undo
from ec2rl.remedies import SetSysctl, WriteFile
from fix.apart import NEWNET, apart
from fix.small import NEW, build, put, setting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

BUCKETS = "net.netfilter.nf_conntrack_buckets"
IDLE = "net.netfilter.nf_conntrack_tcp_timeout_established"
CLOSE = "net.netfilter.nf_conntrack_tcp_timeout_close_wait"
PERSIST = WriteFile(NEW, "nf_conntrack\n", None)


def real(tmp_path: Path) -> Machine:
    """A machine with files of our own, and the settings of the namespace that one stands in."""
    root = build(str(tmp_path)).root
    if not os.path.exists("/proc/sys/net/netfilter/nf_conntrack_max"):
        pytest.skip("nf_conntrack is not loaded")
    return Machine(root=root, sysctls="/proc/self/root/proc/sys")


def tried(machine: Machine, *changes: SetSysctl | WriteFile) -> str:
    try:
        apply(changes, machine=machine, why="")
    except FixError as error:
        there = os.path.exists(machine.root + NEW)
        return f"{type(error).__name__}: {error} {error.notes or ''}{'there' if there else ''}"
    return "applied"


@pytest.mark.kernel
def test_timeouts_are_set_read_back_and_restored(tmp_path: Path) -> None:
    machine = real(tmp_path)

    def inside() -> str:
        before = Sysctl.read(machine, IDLE), Sysctl.read(machine, CLOSE)
        assert before == ("432000", "60")
        changes = (SetSysctl(IDLE, "86400", "432000"), SetSysctl(CLOSE, "3600", "60"), PERSIST)
        apply(changes, machine=machine, why="")
        assert (Sysctl.read(machine, IDLE), Sysctl.read(machine, CLOSE)) == ("86400", "3600")
        done = tuple(Outcome(target, Found.AFTER) for target in (IDLE, CLOSE, NEW))
        assert undo(1, machine=machine) == done
        assert (Sysctl.read(machine, IDLE), Sysctl.read(machine, CLOSE)) == before
        return "as before"

    assert apart(NEWNET, inside) == "as before"


@pytest.mark.kernel
@pytest.mark.parametrize("value", ["-9223372036854775807", "99999999999", "9223372036854775808"])
def test_a_value_that_the_kernel_refuses_persists_nothing(tmp_path: Path, value: str) -> None:
    machine = real(tmp_path)

    def inside() -> str:
        words = tried(
            machine, SetSysctl(CLOSE, "3600", "60"), SetSysctl(IDLE, value, "432000"), PERSIST
        )
        return f"{words}{Sysctl.read(machine, CLOSE)} {Sysctl.read(machine, IDLE)}"

    words = f"KernelRefused: {IDLE}={value}: Invalid argument 60 432000"
    assert apart(NEWNET, inside) == words


@pytest.mark.kernel
def test_the_limit_belongs_to_the_host(tmp_path: Path) -> None:
    machine = real(tmp_path)
    key = "net.netfilter.nf_conntrack_max"

    def inside() -> str:
        return tried(machine, SetSysctl(key, "524288", str(Sysctl.read(machine, key))), PERSIST)

    assert apart(NEWNET, inside) == (
        f"Refused: {key} cannot be written here (Permission denied); in a container or a network "
        f"namespace, set it on the host: sysctl -w {key}=524288 "
    )


@pytest.mark.kernel
def test_so_do_the_buckets(tmp_path: Path) -> None:
    machine = real(tmp_path)

    def inside() -> str:
        now = str(Sysctl.read(machine, BUCKETS))
        return tried(machine, SetSysctl(BUCKETS, str(int(now) * 2), now), PERSIST)

    assert apart(NEWNET, inside).startswith(f"KernelRefused: {BUCKETS}=")


@pytest.mark.kernel
def test_the_kernel_rounds_and_the_record_says_to_what(tmp_path: Path) -> None:
    """Raises the number of buckets for a moment; the limit of entries stays as it is."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    machine = real(tmp_path)
    before = Sysctl.read(machine, BUCKETS)
    if before is None or not os.access("/proc/sys/net/netfilter/nf_conntrack_buckets", os.W_OK):
        pytest.skip("nf_conntrack_buckets cannot be written here")
    asked = str(int(before) + 1)
    change = apply((SetSysctl(BUCKETS, asked, before),), machine=machine, why="")
    seen = Sysctl.read(machine, BUCKETS)
    undo(1, machine=machine)
    assert seen == str(round_buckets(int(asked))) != asked
    assert change.items == (SysctlItem(BUCKETS, before, asked, str(seen)),)
    assert Sysctl.read(machine, BUCKETS) == before


@pytest.mark.root
def test_where_the_buckets_are_read_only_the_module_takes_them(tmp_path: Path) -> None:
    """As before Linux 4.9: the setting refuses to be opened, the module's parameter does not."""
    machine = build(str(tmp_path))
    folder = f"{machine.modules}/nf_conntrack/parameters"
    os.makedirs(folder)
    put(f"{folder}/hashsize", "262144\n")
    put(setting(machine.root, BUCKETS), "262144\n")
    os.chmod(setting(machine.root, BUCKETS), 0o444)

    def without_capabilities() -> str:
        version, nothing = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
        assert ctypes.CDLL(None).capset(version, nothing) == 0
        item = SysctlItem(BUCKETS, "262144", "524288", "524288")
        buckets = Sysctl(item, At(machine, 1, False, False, ExitStack()))
        buckets.check()
        buckets.move(Found.AFTER)
        with open(f"{folder}/hashsize") as file:
            return file.read()

    assert apart(0, without_capabilities) == "524288\n"
