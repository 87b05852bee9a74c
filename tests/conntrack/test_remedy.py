"""What is proposed on a host, and what is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from ec2rl.catalogue import load
from ec2rl.host.recording import RecordedHost, sections
from ec2rl.model import FixRequest, Proposal, Remedy, Risk
from ec2rl.module import diagnose
from ec2rl.next_boot.files import MARK
from ec2rl.remedies import SetSysctl, WriteFile
from ec2rl.report.escape import tied

CASES = Path(__file__).parent.parent / "modules" / "conntrackfull"
DROP_IN = "/etc/sysctl.d/99-zz-ec2rl-conntrack.conf"
N = "net.netfilter.nf_conntrack_"
SIZES = MARK + f"{N}buckets = 524288\n{N}max = 524288\n"
BOOT = {
    "ls /usr/lib/systemd": "systemd-sysctl",
    "/proc/modules": "nf_conntrack 200704 1 - Live 0x0",
    "/etc/modules-load.d/modules.conf": "nf_conntrack",
    "ls /etc/modules-load.d": "modules.conf",
    "ls /sys/module/nf_conntrack": "parameters",
}


def proposed(case: str, asked: FixRequest, **more: str) -> Proposal:
    _, looks = sections((CASES / f"{case}.case").read_text(encoding="utf-8"))
    looks.pop("expect")
    module = load("conntrackfull")
    host = RecordedHost({**looks, **BOOT, **more})
    assert module.propose is not None
    return module.propose(host, diagnose(module, host).seen, asked)


def test_a_full_table_gets_twice_the_room_now_and_at_the_next_boot() -> None:
    found = proposed("two_lines", FixRequest())
    [remedy] = found.chosen
    assert remedy.risk is Risk.SAFE
    assert remedy.changes == (
        SetSysctl("net.netfilter.nf_conntrack_buckets", "524288", "262144"),
        SetSysctl("net.netfilter.nf_conntrack_max", "524288", "262144"),
        WriteFile(DROP_IN, SIZES, None),
    )
    assert found.by_hand == (
        f"sysctl -w {N}buckets=524288",
        f"sysctl -w {N}max=524288",
        f"sysctl {N}buckets {N}max    # read them back: -w can exit 0 on a refused write",
        "mkdir -p /etc/sysctl.d",
        f"printf '%s\\n' '{N}buckets = 524288' '{N}max = 524288' > {DROP_IN}",
    )
    assert found.not_persistent == ()
    assert found.refused == ()


@pytest.mark.parametrize(
    ("asked", "kind"), [(FixRequest(boot=False), SetSysctl), (FixRequest(now=False), WriteFile)]
)
def test_one_half_can_be_asked_for(asked: FixRequest, kind: type) -> None:
    [remedy] = proposed("two_lines", asked).chosen
    assert {type(change) for change in remedy.changes} == {kind}


@pytest.mark.parametrize("case", ["quiet", "settled_by_a_fix", "chains_too_long"])
@pytest.mark.parametrize("asked", [FixRequest(), FixRequest(boot=False), FixRequest(now=False)])
def test_nothing_is_proposed_where_the_host_is_as_wished(case: str, asked: FixRequest) -> None:
    assert proposed(case, asked) == Proposal()


def test_a_size_that_was_raised_by_hand_is_kept_for_the_next_boot() -> None:
    raised = {
        f"/proc/sys/net/netfilter/nf_conntrack_{name}": "524288" for name in ("max", "buckets")
    }
    looks = {"/proc/cmdline": "ro quiet"}
    found = proposed("quiet", FixRequest(), **raised, **looks)
    [remedy] = found.chosen
    assert remedy == Remedy(
        "Keep the size of the connection-tracking table for the next boot",
        (WriteFile(DROP_IN, SIZES, None),),
        Risk.SAFE,
    )


def test_more_than_today_that_the_files_give_is_left_as_it_is() -> None:
    theirs = {"/etc/sysctl.d/10-x.conf": f"{N}max = 1048576\n{N}buckets = 1048576"}
    assert proposed("quiet", FixRequest(), **theirs) == Proposal()
    [remedy] = proposed("two_lines", FixRequest(), **theirs).chosen
    assert remedy.changes == (
        SetSysctl(f"{N}buckets", "524288", "262144"),
        SetSysctl(f"{N}max", "524288", "262144"),
    )
    [max_alone] = proposed("two_lines", FixRequest({"max": 524288}), **theirs).refused
    assert max_alone.startswith(f"{N}max=524288 is below 1,048,576, which the next boot has by")


def test_what_will_not_last_is_told_although_nothing_can_be_done() -> None:
    last = {"/etc/sysctl.d/zzzz.conf": "net.nf_conntrack_max = 65536", DROP_IN: SIZES}
    looks = {f"/proc/sys/net/netfilter/nf_conntrack_{n}": "524288" for n in ("max", "buckets")}
    assert proposed("quiet", FixRequest({"max": 524288}), **last, **looks) == Proposal(
        not_persistent=(
            "net.netfilter.nf_conntrack_max will be 65536: "
            "/etc/sysctl.d/zzzz.conf:1: net.nf_conntrack_max = 65536",
        )
    )


def sized(case: str, **more: str) -> tuple[int, tuple[str, ...]]:
    """The limit that is proposed, and the notes on how it was found."""
    found = proposed(case, FixRequest(boot=False), **more)
    [remedy] = found.chosen
    most = [c.value for c in remedy.changes if isinstance(c, SetSysctl) and c.key.endswith("max")]
    return int(most[0]), tuple(n for n in found.notes if n.startswith(("Size", "Need", "More")))


HOST = "this host (initial network namespace)"


def test_a_census_says_how_much_is_needed_and_a_flood_gets_no_table_of_its_own_size() -> None:
    assert sized("losing_half_open") == (
        1048576,
        (
            "Size: 4 times today's limit: more is taken only where you ask for it",
            f"Need: 3,670,016 entries, which the present load of {HOST} leads to (by a census "
            "of 9 of its 262,144 entries)",
            f"More: {tied('--set max=7340032')} has room for all of it; look first whether "
            f"the load is wanted: {tied('sudo ./ec2rl conntrack top')}",
        ),
    )


def test_twice_the_need_is_taken_where_no_packet_was_lost() -> None:
    entries = "".join(
        f"ipv4 2 tcp 6 431999 ESTABLISHED src=10.0.0.{n} dst=192.0.2.1 sport=5000 dport=443 "
        f"src=192.0.2.1 dst=10.0.0.{n} sport=443 dport=5000 [ASSURED] mark=0 zone=0 use=2\n"
        for n in range(9)
    )
    assert sized("nearly_full", **{"netns /proc/1/ns/net: conntrack -L": entries}) == (
        491520,
        (
            "Size: twice what the present load needs, which leaves room for peaks",
            f"Need: 240,100 entries, which the present load of {HOST} leads to (by a census "
            "of 9 of its 240,100 entries)",
        ),
    )


def test_without_a_census_the_kernels_count_has_to_do() -> None:
    assert sized("nearly_full") == (
        491520,
        (
            "Size: twice what the present load needs, which leaves room for peaks",
            f"Need: 240,100 entries, which {HOST} has by the kernel's count (they could not be "
            "read)",
        ),
    )


def test_the_kernels_own_choice_is_the_least() -> None:
    assert sized("smaller_than_default") == (
        262144,
        (
            "Size: the limit that this kernel chooses by itself for a machine with this much "
            "memory",
            f"Need: 900 entries, which {HOST} has by the kernel's count (they could not be read)",
        ),
    )


def test_where_packets_were_lost_it_is_at_least_twice_the_limit() -> None:
    assert sized("two_lines") == (
        524288,
        (
            "Size: twice today's limit, because packets were lost, and no counter tells how many "
            "entries they would have needed",
            f"Need: 1,000 entries, which {HOST} has by the kernel's count (they could not be read)",
        ),
    )


def test_chains_that_are_too_long_get_buckets_and_no_larger_limit() -> None:
    few = {"/proc/sys/net/netfilter/nf_conntrack_buckets": "65536"}
    [remedy] = proposed("chains_too_long", FixRequest(boot=False), **few).chosen
    assert remedy.changes == (SetSysctl(f"{N}buckets", "262144", "65536"),)


def test_the_fixed_numbers_of_the_page_are_refused_where_they_would_shrink_the_table() -> None:
    asked = FixRequest({"max": 131072, "buckets": 32768})
    found = proposed("two_lines", asked)
    assert found.chosen == ()
    assert found.refused == (
        "net.netfilter.nf_conntrack_buckets=32768 is below today's 262,144: it would SHRINK the "
        "table (--allow-lower does it all the same)",
        "net.netfilter.nf_conntrack_max=131072 is below today's 262,144: it would SHRINK the table "
        "(--allow-lower does it all the same)",
    )
    assert found.by_hand == ()
    allowed = proposed("two_lines", FixRequest({"max": 131072, "buckets": 32768}, lower=True))
    assert [(remedy.risk, remedy.caveat) for remedy in allowed.chosen] == [
        (
            Risk.RISKY,
            "buckets: the table becomes SMALLER than today's 262,144; "
            "max: the table becomes SMALLER than today's 262,144",
        )
    ]


def test_more_memory_than_is_sensible_is_refused_unless_forced() -> None:
    found = proposed("two_lines", FixRequest({"max": 100_000_000}))
    assert found.chosen == ()
    assert "of the memory" in found.refused[0]
    forced = proposed("two_lines", FixRequest({"max": 100_000_000}, force=True))
    assert forced.refused == ()
    assert [one.risk for one in forced.chosen] == [Risk.RISKY]


def test_a_value_that_the_kernel_refuses_is_refused_here() -> None:
    assert "2147483648" in proposed("two_lines", FixRequest({"max": 2**31}, force=True)).refused[0]


def test_buckets_are_rounded_as_the_kernel_rounds_them() -> None:
    [remedy] = proposed("two_lines", FixRequest({"max": 300_000}, boot=False)).chosen
    assert [
        (c.key.rpartition("_")[2], c.value) for c in remedy.changes if isinstance(c, SetSysctl)
    ] == [
        ("buckets", "300032"),
        ("max", "300000"),
    ]


def test_in_a_container_it_says_where_to_set_it_and_changes_nothing() -> None:
    found = proposed("in_a_container", FixRequest({"max": 524288}))
    assert found.chosen == ()
    assert found.refused == ("this is not the host's own network namespace: set it on the host",)
    assert "sysctl -w net.netfilter.nf_conntrack_max=524288" in found.by_hand
    idle = proposed("in_a_container", FixRequest({"tcp_timeout_established": 600}))
    assert idle.chosen == ()
    assert idle.refused == (
        "this is not the host's own network namespace, and timeouts are each namespace's own: set "
        "them by hand where they count",
    )
    assert idle.by_hand[0] == f"sysctl -w {N}tcp_timeout_established=600"


def test_a_timeout_that_was_named_is_risky_and_says_what_it_cuts() -> None:
    key = "net.netfilter.nf_conntrack_tcp_timeout_established"
    found = proposed(
        "two_lines",
        FixRequest({"tcp_timeout_established": 86400}),
        **{"/proc/sys/" + key.replace(".", "/"): "432000"},
    )
    [remedy] = found.chosen
    assert remedy.changes[0] == SetSysctl(key, "86400", "432000")
    assert remedy.risk is Risk.RISKY
    assert "idle" in remedy.caveat


def test_what_circulates_as_the_pages_file_is_taken_over_and_a_foreign_one_is_not() -> None:
    page = "net.netfilter.nf_conntrack_max=131072\nnet.netfilter.nf_conntrack_buckets=32768\n"
    [taken] = proposed(
        "two_lines", FixRequest(now=False), **{"/etc/sysctl.d/99-netfilter.conf": page}
    ).chosen
    assert [c.path for c in taken.changes if isinstance(c, WriteFile)] == [
        "/etc/sysctl.d/99-netfilter.conf"
    ]
    foreign = page + "net.ipv4.ip_forward=1\n"
    [other] = proposed(
        "two_lines", FixRequest(now=False), **{"/etc/sysctl.d/99-netfilter.conf": foreign}
    ).chosen
    assert [c.path for c in other.changes if isinstance(c, WriteFile)] == [DROP_IN]


@pytest.mark.parametrize(
    "theirs",
    [
        SIZES + "net.ipv4.ip_forward = 1\n",
        SIZES + "# why: ticket 7\n",
        SIZES + f"-{N}udp_timeout = 10\n",
        SIZES + f"{N}tcp_timeout_* = 10\n",
        SIZES + f"{N}udp_timeout = ten\n",
        f"{N}max = 65536\n{N}udp_timeout = 10\n",
    ],
)
def test_our_file_with_a_line_of_somebody_else_is_theirs(theirs: str) -> None:
    [remedy] = proposed("two_lines", FixRequest({"max": 600_000}), **{DROP_IN: theirs}).chosen
    assert [c.path for c in remedy.changes if isinstance(c, WriteFile)] == [
        "/etc/sysctl.d/zzz-ec2rl-conntrack.conf"
    ]


def test_what_was_written_by_hand_under_the_name_of_our_file_is_taken_over() -> None:
    theirs = {DROP_IN: f"{N}max=400000\n{N}buckets=400000\n"}
    [remedy] = proposed("two_lines", FixRequest(now=False), **theirs).chosen
    assert remedy.changes == (WriteFile(DROP_IN, SIZES, theirs[DROP_IN]),)


def test_a_link_in_the_place_of_our_file_is_not_followed() -> None:
    link = {f"link {DROP_IN}": "../elsewhere"}
    [remedy] = proposed("two_lines", FixRequest(), **link).chosen
    assert [c.path for c in remedy.changes if isinstance(c, WriteFile)] == [
        "/etc/sysctl.d/zzz-ec2rl-conntrack.conf"
    ]


def test_old_kernels_take_the_buckets_as_a_parameter() -> None:
    found = proposed("two_lines", FixRequest(), **{"/proc/sys/kernel/osrelease": "4.4.121"})
    assert found.by_hand[0] == "echo 524288 > /sys/module/nf_conntrack/parameters/hashsize"
    assert (
        "printf '%s\\n' 'options nf_conntrack hashsize=524288' > "
        "/etc/modprobe.d/ec2rl-conntrack.conf"
    ) in found.by_hand


def test_a_file_that_comes_later_in_the_alphabet_is_outdone_by_a_later_name() -> None:
    later = {"/etc/sysctl.d/99-zzz-site.conf": "net.nf_conntrack_max = 65536"}
    [remedy] = proposed("two_lines", FixRequest(now=False), **later).chosen
    assert [c.path for c in remedy.changes if isinstance(c, WriteFile)] == [
        "/etc/sysctl.d/zzz-ec2rl-conntrack.conf"
    ]


def test_where_ours_would_not_decide_the_proposal_says_so() -> None:
    last = {"/etc/sysctl.d/zzzz.conf": "net.nf_conntrack_max = 65536"}
    assert proposed("two_lines", FixRequest(), **last).not_persistent == (
        "net.netfilter.nf_conntrack_max will be 65536: "
        "/etc/sysctl.d/zzzz.conf:1: net.nf_conntrack_max = 65536",
    )


def test_where_the_module_comes_late_it_is_named_so_that_nothing_is_lost() -> None:
    looks = {
        "ls /etc/modules-load.d": "!absent",
        "/etc/modules-load.d/modules.conf": "!absent",
    }
    found = proposed("two_lines", FixRequest(now=False), **looks)
    [remedy] = found.chosen
    files = {c.path: c.text for c in remedy.changes if isinstance(c, WriteFile)}
    assert files["/etc/modules-load.d/ec2rl-conntrack.conf"] == MARK + "nf_conntrack\n"
    assert found.not_persistent == ()


def test_what_is_offered_as_risky_is_taken_only_when_asked_for() -> None:
    key = "net.netfilter.nf_conntrack_tcp_timeout_established"
    looks = {"/proc/sys/" + key.replace(".", "/"): "900000"}
    plain = proposed("two_lines", FixRequest(boot=False), **looks)
    assert [remedy.risk for remedy in plain.chosen] == [Risk.SAFE]
    assert [remedy.changes for remedy in plain.offered] == [(SetSysctl(key, "432000", "900000"),)]
    [taken] = proposed("two_lines", FixRequest(boot=False, risky=True), **looks).chosen
    assert taken.risk is Risk.RISKY
    assert SetSysctl(key, "432000", "900000") in taken.changes
    assert len(taken.changes) == 3
