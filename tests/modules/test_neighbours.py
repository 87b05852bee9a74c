"""neighbourfull: what it can read, what counts as the kernel's word, what its fix may be asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from ec2rl.arguments import UsageError, parse
from ec2rl.catalogue import load
from ec2rl.commands import all_commands
from ec2rl.commands.fix import request_of, setting_of
from ec2rl.diagnosis.limited_tables import Counts
from ec2rl.facts.period import Period
from ec2rl.host.recording import RecordedHost, sections
from ec2rl.model import FixRequest, Proposal, Rate, Setting, Verdict, Why
from ec2rl.module import Options, diagnose
from ec2rl.modules.neighbourfull import FAMILIES, MODULE, families_of, parse_counts
from ec2rl.record import replace
from ec2rl.remedies import SetSysctl
from ec2rl.report.wording import details, summary

CASES = Path(__file__).parent / "neighbourfull"
FULL = "neighbour: arp_cache: neighbor table overflow!"
HEAD = "entries  allocs   destroys hash_grows lookups  hits table_fulls"


def scene(name: str) -> dict[str, str]:
    looks = sections((CASES / f"{name}.case").read_text(encoding="utf-8"))[1]
    return {key: body for key, body in looks.items() if key.partition(":")[0] not in
            ("expect", "plan", "after")}  # fmt: skip


def proposal(looks: dict[str, str], request: FixRequest) -> Proposal:
    host = RecordedHost(looks)
    assert MODULE.propose is not None
    return MODULE.propose(host, diagnose(MODULE, host).seen, request)


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        (f"{HEAD}\n00000003 1 2 3 4 5 0000000a\n00000003 1 2 3 4 5 1\n", Counts(3, 11)),
        (f"{HEAD}\n3 1 2 3 4 5 123456789abcdef0\n", Counts(3, 0x123456789ABCDEF0)),
        ("entries allocs\n00000010 2\n", Counts(16, None)),
        ("table_fulls entries new\n1 2 3\n", Counts(2, 1)),
        ("", None),
        (HEAD, None),
        (f"{HEAD}\n1 2 3\n", None),
        ("entries table_fulls\n1 -2\n", None),
        ("entries table_fulls\n1 12345678123456781\n", None),
        ("allocs table_fulls\n1 2\n", None),
        ("<html>\n<body>\n", None),
    ],
)
def test_a_table_is_read_by_its_names_or_not_at_all(text: str, counts: Counts | None) -> None:
    assert parse_counts(text) == counts


@pytest.mark.parametrize(
    ("message", "names"),
    [
        ("neighbour: arp_cache: neighbor table overflow!", "IPv4"),
        ("neighbour: ndisc_cache: neighbor table overflow!", "IPv6"),
        ("arp_cache: neighbor table overflow!", "IPv4"),
        ("IPv4: Neighbour table overflow", "IPv4"),
        ("ipv6: Neighbour table overflow.", "IPv6"),
        ("Neighbour table overflow.", "IPv4 IPv6"),
        ("neighbour: dn_neigh_cache: neighbor table overflow!", None),
        ("neighbour: arp_cache: neighbor table overflow! IN=eth0 OUT=", None),
        ("x neighbour: arp_cache: neighbor table overflow!", None),
        ("dst cache overflow", None),
        ("nf_conntrack: nf_conntrack: table full, dropping packet", None),
    ],
)
def test_only_a_whole_message_is_the_kernels(message: str, names: str | None) -> None:
    found = families_of(message)
    assert (None if found is None else " ".join(one.name for one in found)) == names


@pytest.mark.parametrize(
    ("module", "said", "other"),
    [
        ("neighbourfull", "max=1", "gc_thresh1, gc_thresh2, gc_thresh3, gc6_thresh1"),
        ("neighbourfull", "net.netfilter.nf_conntrack_max=300000", "gc_thresh1, gc_thresh2"),
        ("neighbourfull", "neigh.default.max=1", "gc_thresh1, gc_thresh2"),
        ("conntrackfull", "gc_thresh3=1", "max, buckets, generic_timeout"),
        ("conntrackfull", "net.ipv4.neigh.default.gc_thresh3=8192", "max, buckets"),
        ("conntrackfull", "net.core.max=300000", "max, buckets"),
        ("neighbourfull", "gc_thresh4=1", "gc_thresh1, gc_thresh2, gc_thresh3, gc6_thresh1"),
        ("conntrackfull", "nf_conntrack_max=300000", "max, buckets, generic_timeout"),
        ("conntrackfull", "netfilter.nf_conntrack_max=300000", "max, buckets, generic_timeout"),
        (
            "neighbourfull",
            "gc_thresh3=many",
            "--set=gc_thresh3=many: not a number from 0 to 99,999,999,999; write it as 5000,",
        ),
        (
            "neighbourfull",
            "gc_thresh3",
            "not NAME=NUMBER; NAME is one of gc_thresh1, gc_thresh2",
        ),
    ],
)
def test_what_is_no_setting_of_a_module_is_refused_with_those_that_are(
    module: str, said: str, other: str
) -> None:
    with pytest.raises(UsageError) as refused:
        request_of(parse(["fix", module, "--set", said], all_commands()), load(module))
    assert other in str(refused.value)


@pytest.mark.parametrize(
    ("module", "said", "end"),
    [
        ("conntrackfull", "nf_conntrack_max=1", ": did you mean max?"),
        ("conntrackfull", "bucket=1", ": did you mean buckets?"),
        ("neighbourfull", "gc_tresh3=1", ": did you mean gc_thresh3?"),
        (
            "neighbourfull",
            "gc_thresh3=9223372036854775807",
            "not a number from 0 to 99,999,999,999",
        ),
    ],
)
def test_what_was_meant_is_asked_and_a_number_too_large_is_called_that(
    module: str, said: str, end: str
) -> None:
    with pytest.raises(UsageError) as refused:
        request_of(parse(["fix", module, "--set", said], all_commands()), load(module))
    assert str(refused.value).endswith(end)


def test_a_log_that_was_not_read_is_not_said_to_be_silent() -> None:
    looks = {**scene("refused_without_a_line"), "/dev/kmsg": "!denied"}
    found = diagnose(MODULE, RecordedHost(looks))
    assert found.finding.verdict is Verdict.PROBLEM
    assert "no line is left" not in summary(found.finding)
    assert "no line was read: /dev/kmsg: denied" in summary(found.finding)


def test_a_key_that_two_modules_know_is_refused_and_its_short_name_is_not() -> None:
    key = "net.ipv4.neigh.default.gc_thresh3"
    twin = replace(MODULE, name="twin", settings=(Setting("most", key),))
    with pytest.raises(UsageError) as refused:
        setting_of(key, twin, [MODULE, twin])
    assert str(refused.value) == (
        f"--set: {key} is a setting of neighbourfull and twin: say most, the name that it has in "
        "twin, which has most"
    )
    assert setting_of("most", twin, [MODULE, twin]).key == key
    assert setting_of(key, MODULE, [MODULE]).name == "gc_thresh3"


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_setting_has_a_short_name_and_its_whole_key(family: object, number: int) -> None:
    one = next(one for one in FAMILIES if one is family)
    key = one.keys[number - 1]
    short = f"{one.short}{number}"
    for named in (key, short):
        request = request_of(
            parse(["fix", "neighbourfull", "--set", f"{named}=9"], all_commands()), MODULE
        )
        assert request.settings == {short: 9}


def test_what_is_refused_each_second_is_measured_by_two_looks() -> None:
    assert MODULE.measure is not None
    rate = MODULE.measure(RecordedHost(scene("growing")))
    assert rate == Rate(23.0, "new neighbours refused")
    assert MODULE.measure(RecordedHost(scene("quiet"))) == Rate(0.0, "new neighbours refused")
    assert MODULE.measure(RecordedHost(scene("in_a_container"))) is None
    assert MODULE.measure(RecordedHost(scene("lines_left_out"))) is None


def test_a_counter_of_32_bits_may_wrap() -> None:
    looks = scene("growing")
    for key in looks:
        if key.endswith("arp_cache"):
            rows = f"00000400 {3:08x}" if key.startswith("later") else f"00000400 {2**32 - 4:08x}"
            looks[key] = f"entries table_fulls\n{rows}"
    assert MODULE.measure is not None
    assert MODULE.measure(RecordedHost(looks)) == Rate(7.0, "new neighbours refused")


def test_growth_counts_whatever_time_is_asked_about() -> None:
    found = diagnose(MODULE, RecordedHost(scene("growing")), Options(period=Period(1795485599.0)))
    assert found.finding.verdict is Verdict.PROBLEM


def test_what_was_refused_before_the_time_that_is_asked_about_is_none_of_it() -> None:
    host = RecordedHost(scene("refused_without_a_line"))
    assert diagnose(MODULE, host).finding.verdict is Verdict.PROBLEM
    asked = Options(period=Period(1795485000.0))
    assert diagnose(MODULE, host, asked).finding.verdict is Verdict.OK


def test_a_fix_that_was_made_does_not_make_another_one() -> None:
    looks = scene("settled_by_a_fix")
    assert proposal(looks, FixRequest()) == Proposal()


def test_while_they_are_written_no_threshold_is_above_the_next_one() -> None:
    for asked in ({"gc_thresh3": 9000}, {"gc_thresh3": 90}, {"gc_thresh2": 700, "gc_thresh3": 800}):
        plan = proposal(scene("quiet"), FixRequest(asked, lower=True, boot=False))
        state = [128, 512, 1024]
        for change in plan.chosen[0].changes:
            assert isinstance(change, SetSysctl)
            state[int(change.key[-1]) - 1] = int(change.value)
            assert state == sorted(state)
        assert state[2] == asked["gc_thresh3"]


def test_a_volume_takes_files_alone_and_needs_no_limits_of_today() -> None:
    host = RecordedHost({"ls /etc/sysctl.d": ""}, missing=Why.NOT_COLLECTED)
    assert MODULE.propose is not None
    seen = diagnose(MODULE, host, Options(sample=0)).seen
    plan = MODULE.propose(host, seen, FixRequest({"gc_thresh3": 8192}, now=False))
    assert plan.refused == ()
    plain = MODULE.propose(host, seen, FixRequest(now=False))
    assert plain == Proposal()


def test_a_volume_whose_files_nobody_knows_gets_no_size_and_is_told_why() -> None:
    looks = {"/dev/kmsg": "!not-collected", "dmesg": f"[    9.123456] {FULL}"}
    host = RecordedHost(looks, missing=Why.NOT_COLLECTED)
    assert MODULE.propose is not None
    seen = diagnose(MODULE, host, Options(sample=0)).seen
    plan = MODULE.propose(host, seen, FixRequest(now=False))
    assert plan.chosen == ()
    assert len(plan.maybe_persistent) == 3
    assert all("cannot be told: /lib/sysctl.d: not" in one for one in plan.maybe_persistent)


def test_without_a_second_look_what_was_refused_is_not_known_to_be_past() -> None:
    host = RecordedHost(scene("settled_by_a_fix"))
    assert diagnose(MODULE, host).finding.verdict is Verdict.OK
    found = diagnose(MODULE, host, Options(sample=0)).finding
    assert (found.verdict, summary(found)) == (
        Verdict.WARNING,
        "23 new neighbours were refused since boot; whether all of it was before the change of "
        "the limit is not known",
    )


def test_what_one_table_refused_is_not_explained_by_lines_of_the_other() -> None:
    looks = scene("settled_by_a_fix")
    looks["/proc/net/stat/ndisc_cache"] = "entries table_fulls\n4 5"
    found = diagnose(MODULE, RecordedHost(looks)).finding
    words = (
        "Neighbour table overflows found. 5 new neighbours were refused since boot, 0 in "
        "the last second; "
    )
    words += "no line is left that names them"
    assert (found.verdict, summary(found)) == (Verdict.PROBLEM, words)


def test_nothing_that_was_collected_is_unknown() -> None:
    host = RecordedHost({"/dev/kmsg": "!not-collected"}, missing=Why.NOT_COLLECTED)
    found = diagnose(MODULE, host, Options(sample=0)).finding
    assert found.verdict is Verdict.UNKNOWN
    assert all(not line.startswith("IPv") for line in details(found))
