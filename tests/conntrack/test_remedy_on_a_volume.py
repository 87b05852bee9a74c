"""What is proposed where today's values are not to be had: the files of a volume decide."""

from __future__ import annotations

from pathlib import Path
from typing import Callable

import pytest

from ec2rl.catalogue import load
from ec2rl.host import Host
from ec2rl.host.caching import CachingHost
from ec2rl.host.mounted import MountedHost
from ec2rl.host.recording import RecordedHost
from ec2rl.model import FixRequest, Proposal, Risk
from ec2rl.module import Options, diagnose
from ec2rl.next_boot.files import MARK
from ec2rl.remedies import WriteFile

N = "net.netfilter.nf_conntrack_"
BASE = {
    "usr/lib/systemd/systemd-sysctl": "",
    "lib/modules/6.1.0/modules.builtin": "",
    "lib/modules/6.1.0/modules.dep": "kernel/net/netfilter/nf_conntrack.ko:\n",
    "boot/grub/grub.cfg": "\tlinux /boot/vmlinuz-6.1.0 root=/dev/x ro\n",
    "etc/modules-load.d/modules.conf": "nf_conntrack\n",
}
SIZES = f"{N}max=1048576\n{N}buckets=1048576\n"


def planned(
    root: Path, theirs: str, request: FixRequest, module: str = "conntrackfull"
) -> Proposal:
    """Plan for a volume that has one sysctl file of somebody's."""
    for path, text in {**BASE, "etc/sysctl.d/10-x.conf": theirs}.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return plan_for(CachingHost(MountedHost(str(root))), request, module)


def plan_for(host: Host, request: FixRequest, module: str = "conntrackfull") -> Proposal:
    fix = load(module)
    assert fix.propose is not None
    return fix.propose(host, diagnose(fix, host, Options(sample=0)).seen, request)


def volume(settings: dict[str, int], **how: bool) -> FixRequest:
    return FixRequest(settings, now=False, **how)


def test_less_than_the_files_give_is_refused_unless_allowed_and_never_safe(tmp_path: Path) -> None:
    assert planned(tmp_path, SIZES, volume({"max": 1000})).refused == (
        f"{N}max=1000 is below 1,048,576, which the next boot has by the files as they are: it "
        "would SHRINK the table (--allow-lower does it all the same)",
    )
    [remedy] = planned(tmp_path, SIZES, volume({"max": 1000}, lower=True)).chosen
    assert remedy.risk is Risk.RISKY
    assert remedy.caveat == (
        "max: the table becomes SMALLER than 1,048,576, which the next boot has by the files as "
        "they are"
    )
    [written] = remedy.changes
    assert isinstance(written, WriteFile)
    assert written.text == MARK + f"{N}buckets = 1048576\n{N}max = 1000\n", "buckets stay"


def test_more_than_the_files_give_is_not_safe_where_the_memory_is_unknown(tmp_path: Path) -> None:
    plan = planned(tmp_path, SIZES, volume({"max": 90_000_000}))
    [remedy] = plan.chosen
    assert (remedy.risk, remedy.caveat) == (
        Risk.RISKY,
        f"{N}buckets=90000384, {N}max=90000000: a full table would take 38 GiB, and whether "
        "that is too much for this machine cannot be told, as its memory is not known",
    )
    assert plan.notes == (
        "Memory: a full table takes 38 GiB (without this 456 MiB); 320 + 128 bytes an entry "
        "(assumed: /proc/slabinfo: not collected), 8 a bucket",
    )


def test_what_no_file_tells_is_never_called_safe(tmp_path: Path) -> None:
    [remedy] = planned(tmp_path, "", volume({"max": 524288})).chosen
    assert (remedy.risk, remedy.caveat) == (
        Risk.RISKY,
        f"what {N}buckets and {N}max would be without this cannot be told: if it is more, it would "
        f"SHRINK the table; {N}buckets=524288, {N}max=524288: a full table would take 228 MiB, and "
        "whether that is too much for this machine cannot be told, as its memory is not known",
    )


@pytest.mark.parametrize(
    ("text", "wanted", "caution"),
    [
        (f"{N}tcp_timeout_established=86400\n", 60, "connections that are idle for longer are cut"),
        (f"{N}tcp_timeout_established=30\n", 60, "entries stay longer"),
        (
            "",
            60,
            "connections that are idle for longer are cut",  # the default of every kernel: 5 days
        ),
        (
            f"{N}tcp_timeout_established=5000000\n",
            60,
            "what it would be without this cannot be told: if that is shorter, entries",
        ),
    ],
)
def test_a_timeout_is_compared_with_what_the_files_give(
    tmp_path: Path, text: str, wanted: int, caution: str
) -> None:
    plan = planned(tmp_path, text, volume({"tcp_timeout_established": wanted}))
    [remedy] = plan.chosen
    assert remedy.risk is Risk.RISKY
    assert remedy.caveat.startswith(f"tcp_timeout_established: {caution}")


def test_buckets_alone_say_that_what_the_entries_take_is_not_known(tmp_path: Path) -> None:
    plan = planned(tmp_path, "", volume({"buckets": 524288}))
    assert plan.chosen[0].risk is Risk.RISKY
    assert plan.notes == (
        "Memory: what a full table takes cannot be told, as the limit is not known",
    )


NEIGHBOURS = "".join(f"net.ipv4.neigh.default.gc_thresh{n}={2048 << n}\n" for n in (0, 1, 2, 3))


def test_the_thresholds_of_neighbours_are_compared_with_the_files_too(tmp_path: Path) -> None:
    plan = planned(tmp_path, NEIGHBOURS, volume({"gc_thresh3": 100}), "neighbourfull")
    assert plan.chosen == ()
    assert plan.refused[-1].startswith(
        "net.ipv4.neigh.default.gc_thresh3=100 is below 16,384, which the next boot has by the"
    )
    [crossed] = planned(
        tmp_path, NEIGHBOURS, volume({"gc_thresh2": 20000}), "neighbourfull"
    ).refused
    assert crossed.endswith("gc_thresh2=20000 is above net.ipv4.neigh.default.gc_thresh3=16384: "
                            "set them together")  # fmt: skip
    [remedy] = planned(tmp_path, "", volume({"gc_thresh3": 100}), "neighbourfull").chosen
    assert remedy.risk is Risk.RISKY
    assert "cannot be told" in remedy.caveat


def late(root: Path) -> None:
    """Nobody knows whether the module comes before the line is read."""
    (root / "etc/modules-load.d/modules.conf").write_text("")


def no_init(root: Path) -> None:
    """Who applies the files is not known, and one of them reads /etc/sysctl.conf."""
    (root / "usr/lib/systemd/systemd-sysctl").unlink()
    (root / "etc/sysctl.d/10-x.conf").rename(root / "etc/sysctl.conf")


def unread(root: Path) -> None:
    """A file behind the line cannot be read."""
    (root / "etc/sysctl.d/99-zzz.conf").symlink_to("99-zzz.conf")


def masked(root: Path) -> None:
    """Nobody applies the files: the line is the only thing that is known."""
    (root / "etc/systemd/system").mkdir(parents=True)
    (root / "etc/systemd/system/systemd-sysctl.service").symlink_to("/dev/null")


@pytest.mark.parametrize(
    ("how", "has"),
    [(late, "may have"), (no_init, "has"), (unread, "may have"), (masked, "may have")],
)
def test_less_than_a_line_that_may_count_is_refused_unless_allowed(
    tmp_path: Path, how: Callable[[Path], None], has: str
) -> None:
    theirs = f"{N}max=65536\n"
    planned(tmp_path, theirs, volume({"max": 65536}))
    how(tmp_path)
    host = CachingHost(MountedHost(str(tmp_path)))
    assert plan_for(host, volume({"max": 32768})).refused == (
        f"{N}max=32768 is below 65,536, which the next boot {has} by the files as they are: it "
        "would SHRINK the table (--allow-lower does it all the same)",
    )
    [remedy] = plan_for(host, volume({"max": 32768}, lower=True)).chosen
    assert remedy.risk is Risk.RISKY
    assert f"max: the table becomes SMALLER than 65,536, which the next boot {has}" in remedy.caveat
    assert plan_for(host, volume({"max": 65536})).refused == ()


def test_thresholds_of_neighbours_are_compared_with_lines_that_may_count(tmp_path: Path) -> None:
    planned(tmp_path, NEIGHBOURS, volume({"gc_thresh3": 16384}), "neighbourfull")
    unread(tmp_path)
    host = CachingHost(MountedHost(str(tmp_path)))
    plan = plan_for(host, volume({"gc_thresh3": 8192}), "neighbourfull")
    assert plan.refused[-1].startswith(
        "net.ipv4.neigh.default.gc_thresh3=8192 is below 16,384, which the next boot may have by"
    )


def with_full_tables(root: Path) -> CachingHost:
    (root / "var/log").mkdir(parents=True)
    (root / "var/log/kern.log").write_text(
        "Nov 26 10:01:40 host kernel: [  100.000000] nf_conntrack: nf_conntrack: table full, "
        "dropping packet\n"
    )
    return CachingHost(MountedHost(str(root)))


@pytest.mark.parametrize(
    ("theirs", "how", "size"),
    [
        (SIZES, None, 2097152),
        ("", None, 524288),  # no kernel chooses more than half of it
        (f"{N}max=65536\n", late, 524288),
        (SIZES, late, 2097152),
    ],
)
def test_a_size_is_proposed_from_what_the_files_give(
    tmp_path: Path, theirs: str, how: Callable[[Path], None] | None, size: int
) -> None:
    """As the advice of `run --root` says: it names no size."""
    planned(tmp_path, theirs, volume({}))
    if how is not None:
        how(tmp_path)
    plan = plan_for(with_full_tables(tmp_path), volume({}))
    assert plan.refused == ()
    assert plan.notes[0] == (
        f"Size: twice {size // 2:,}, the most that the next boot may have without this"
    )
    [remedy] = plan.chosen
    texts = [change.text for change in remedy.changes if isinstance(change, WriteFile)]
    assert f"{MARK}{N}buckets = {size}\n{N}max = {size}\n" in texts


def test_where_nothing_is_wrong_nothing_is_proposed(tmp_path: Path) -> None:
    assert planned(tmp_path, SIZES, volume({})) == Proposal()


def test_on_a_running_machine_only_its_own_half_is_said() -> None:
    """Of a machine whose limits may not be read."""
    fix, host = load("conntrackfull"), RecordedHost({})
    assert fix.propose is not None
    plan = fix.propose(host, diagnose(fix, host, Options(sample=0)).seen, FixRequest())
    assert plan.refused == ("today's limits could not be read: run it as root on the host itself",)
