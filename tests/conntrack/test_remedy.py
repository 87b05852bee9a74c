"""What is proposed on a host, and what is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from ec2rl.catalogue import load
from ec2rl.conntrack.boot.files import MARK
from ec2rl.facts.kernel_log import read_kernel_log
from ec2rl.host.fake import FakeHost, sections
from ec2rl.model import Proposal, Risk, SetSysctl, Wish, WriteFile
from ec2rl.module import Options

CASES = Path(__file__).parent.parent / "modules" / "conntrackfull"
DROP_IN = "/etc/sysctl.d/99-zz-ec2rl-conntrack.conf"
BOOT = {
    "ls /usr/lib/systemd": "systemd-sysctl",
    "/proc/modules": "nf_conntrack 200704 1 - Live 0x0",
    "/etc/modules-load.d/modules.conf": "nf_conntrack",
    "ls /etc/modules-load.d": "modules.conf",
    "ls /sys/module/nf_conntrack": "parameters",
}


def proposed(case: str, wish: Wish, **more: str) -> Proposal:
    _, looks = sections((CASES / f"{case}.case").read_text(encoding="utf-8"))
    looks.pop("expect")
    module = load("conntrackfull")
    host = FakeHost({**looks, **BOOT, **more})
    seen = module.read(host, read_kernel_log(host, module.phrases, None), Options())
    assert module.propose is not None
    return module.propose(host, seen, wish)


def test_a_full_table_gets_twice_the_room_now_and_at_the_next_boot() -> None:
    found = proposed("two_lines", Wish())
    [remedy] = found.chosen
    assert remedy.risk is Risk.SAFE
    assert remedy.changes == (
        SetSysctl("net.netfilter.nf_conntrack_buckets", "524288", "262144"),
        SetSysctl("net.netfilter.nf_conntrack_max", "524288", "262144"),
        WriteFile(
            DROP_IN,
            MARK
            + "net.netfilter.nf_conntrack_buckets = 524288\n"
            + "net.netfilter.nf_conntrack_max = 524288\n",
            None,
        ),
    )
    assert found.fleeting == ()
    assert found.refused == ()


@pytest.mark.parametrize(
    ("wish", "kind"), [(Wish(boot=False), SetSysctl), (Wish(now=False), WriteFile)]
)
def test_one_half_can_be_asked_for(wish: Wish, kind: type) -> None:
    [remedy] = proposed("two_lines", wish).chosen
    assert {type(change) for change in remedy.changes} == {kind}


def test_nothing_is_proposed_where_the_host_is_as_wished() -> None:
    quiet = proposed("quiet", Wish(boot=False))
    assert (quiet.chosen, quiet.refused) == ((), ())


def test_the_fixed_numbers_of_the_page_are_refused_where_they_would_shrink_the_table() -> None:
    wish = Wish({"max": 131072, "buckets": 32768})
    found = proposed("two_lines", wish)
    assert found.chosen == ()
    assert found.refused == (
        "net.netfilter.nf_conntrack_buckets=32768 is below today's 262144: it would SHRINK the "
        "table (--allow-lower does it all the same)",
        "net.netfilter.nf_conntrack_max=131072 is below today's 262144: it would SHRINK the table "
        "(--allow-lower does it all the same)",
    )
    allowed = proposed("two_lines", Wish({"max": 131072, "buckets": 32768}, lower=True))
    assert [remedy.risk for remedy in allowed.chosen] == [Risk.RISKY]


def test_more_memory_than_is_sensible_is_refused_unless_forced() -> None:
    found = proposed("two_lines", Wish({"max": 100_000_000}))
    assert found.chosen == ()
    assert "of the memory" in found.refused[0]
    assert proposed("two_lines", Wish({"max": 100_000_000}, force=True)).refused == ()


def test_a_value_that_the_kernel_refuses_is_refused_here() -> None:
    assert "2147483648" in proposed("two_lines", Wish({"max": 2**31}, force=True)).refused[0]


def test_buckets_are_rounded_as_the_kernel_rounds_them() -> None:
    [remedy] = proposed("two_lines", Wish({"max": 300_000}, boot=False)).chosen
    assert [
        (c.key.rpartition("_")[2], c.value) for c in remedy.changes if isinstance(c, SetSysctl)
    ] == [
        ("buckets", "300032"),
        ("max", "300000"),
    ]


def test_in_a_container_it_says_where_to_set_it_and_changes_nothing() -> None:
    found = proposed("in_a_container", Wish({"max": 524288}))
    assert found.chosen == ()
    assert found.refused == ("this is not the host's own network namespace: set it on the host",)
    assert "sysctl -w net.netfilter.nf_conntrack_max=524288" in found.by_hand


def test_a_timeout_that_was_named_is_risky_and_says_what_it_cuts() -> None:
    key = "net.netfilter.nf_conntrack_tcp_timeout_established"
    found = proposed(
        "two_lines",
        Wish({"tcp_timeout_established": 86400}),
        **{"/proc/sys/" + key.replace(".", "/"): "432000"},
    )
    [remedy] = found.chosen
    assert remedy.changes[0] == SetSysctl(key, "86400", "432000")
    assert remedy.risk is Risk.RISKY
    assert "idle" in remedy.caveat


def test_what_circulates_as_the_pages_file_is_taken_over_and_a_foreign_one_is_not() -> None:
    page = "net.netfilter.nf_conntrack_max=131072\nnet.netfilter.nf_conntrack_buckets=32768\n"
    [taken] = proposed(
        "two_lines", Wish(now=False), **{"/etc/sysctl.d/99-netfilter.conf": page}
    ).chosen
    assert [c.path for c in taken.changes if isinstance(c, WriteFile)] == [
        "/etc/sysctl.d/99-netfilter.conf"
    ]
    foreign = page + "net.ipv4.ip_forward=1\n"
    [other] = proposed(
        "two_lines", Wish(now=False), **{"/etc/sysctl.d/99-netfilter.conf": foreign}
    ).chosen
    assert [c.path for c in other.changes if isinstance(c, WriteFile)] == [DROP_IN]


def test_a_file_that_comes_later_in_the_alphabet_is_outdone_by_a_later_name() -> None:
    later = {"/etc/sysctl.d/99-zzz-site.conf": "net.nf_conntrack_max = 65536"}
    [remedy] = proposed("two_lines", Wish(now=False), **later).chosen
    assert [c.path for c in remedy.changes if isinstance(c, WriteFile)] == [
        "/etc/sysctl.d/zzz-ec2rl-conntrack.conf"
    ]


def test_where_ours_would_not_decide_the_proposal_says_so() -> None:
    last = {"/etc/sysctl.d/zzzz.conf": "net.nf_conntrack_max = 65536"}
    assert proposed("two_lines", Wish(), **last).fleeting == (
        "net.netfilter.nf_conntrack_max will be 65536: "
        "/etc/sysctl.d/zzzz.conf:1: net.nf_conntrack_max = 65536",
    )


def test_where_the_module_comes_late_it_is_named_so_that_nothing_is_lost() -> None:
    looks = {
        "ls /etc/modules-load.d": "!absent",
        "/etc/modules-load.d/modules.conf": "!absent",
    }
    found = proposed("two_lines", Wish(now=False), **looks)
    [remedy] = found.chosen
    files = {c.path: c.text for c in remedy.changes if isinstance(c, WriteFile)}
    assert files["/etc/modules-load.d/ec2rl-conntrack.conf"] == MARK + "nf_conntrack\n"
    assert found.fleeting == ()


def test_what_is_offered_as_risky_is_taken_only_when_asked_for() -> None:
    key = "net.netfilter.nf_conntrack_tcp_timeout_established"
    looks = {"/proc/sys/" + key.replace(".", "/"): "900000"}
    plain = proposed("two_lines", Wish(boot=False), **looks)
    assert [remedy.risk for remedy in plain.chosen] == [Risk.SAFE]
    assert [remedy.changes for remedy in plain.offered] == [(SetSysctl(key, "432000", "900000"),)]
    [taken] = proposed("two_lines", Wish(boot=False, risky=True), **looks).chosen
    assert taken.risk is Risk.RISKY
    assert SetSysctl(key, "432000", "900000") in taken.changes
    assert len(taken.changes) == 3
