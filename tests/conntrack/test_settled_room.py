"""Which changes made room for the lines before them, and what the counters add to it."""

from __future__ import annotations

import pytest

from conntrack.test_settled import JOURNAL
from ec2rl.facts.change import State, SysctlItem
from ec2rl.facts.change_format import encode
from ec2rl.facts.kernel_log import read_kernel_log
from ec2rl.host.caching import CachingHost
from ec2rl.host.mask import mask
from ec2rl.host.recording import RecordedHost, case, sections
from ec2rl.model import Finding, Verdict
from ec2rl.module import Options
from ec2rl.modules.conntrackfull import MODULE
from ec2rl.record import replace
from ec2rl.report.wording import details, summary
from support.settled import (
    AFTER,
    BEFORE,
    BOOT,
    BUCKETS,
    DROP_IN,
    END,
    FOLDER,
    FULL,
    IDLE,
    MAX,
    RAISE,
    TRIAL,
    TRIAL_OVER,
    change,
    finding,
    found_in,
    is_settled,
    judged,
    log_of,
    raised,
    scene,
    why,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


@pytest.mark.parametrize("now", ["131072", "262143", "200000", "1", "0"])
def test_a_raise_that_was_set_back_settles_nothing(now: str) -> None:
    found = finding(RAISE, maximum=now)
    assert found.verdict is Verdict.PROBLEM
    assert why(found) == f"nf_conntrack_max is {now} by now, and it had set 262144"


@pytest.mark.parametrize("now", ["262144", "300000", "1048576"])
def test_one_that_was_raised_further_by_hand_is_in_force(now: str) -> None:
    assert is_settled(finding(RAISE, maximum=now))


@pytest.mark.parametrize("now", [None, "!denied needs root", "!not-collected", "many", "-1"])
def test_a_limit_that_cannot_be_read_may_be_any(now: str | None) -> None:
    found = finding(RAISE, maximum=now, **{"/proc/sys/net/nf_conntrack_max": now})
    assert found.verdict is Verdict.PROBLEM
    assert why(found) == "nf_conntrack_max could not be read, so it may not be in force"


# -- irrelevant changes --


@pytest.mark.parametrize(
    "items",
    [
        (SysctlItem(IDLE, "432000", "431999", "431999"),),
        (SysctlItem(IDLE, "432000", "60", "60"),),
        (SysctlItem(BUCKETS, "65536", "262144", "262144"),),
        (raised(262144, 131072),),
        (SysctlItem(MAX, "1 2", "3", "262144", END),),
        (SysctlItem("net.core.somaxconn", "128", "4096", "4096", END),),
    ],
    ids=[
        "timeout shorter",
        "timeout much shorter",
        "buckets",
        "lowered",
        "no number",
        "something else",
    ],
)
def test_what_did_not_raise_the_limit_made_no_room(items: tuple[SysctlItem, ...]) -> None:
    found = finding(change(*items))
    assert not is_settled(found)
    assert why(found) == "it did not raise nf_conntrack_max"


def test_files_for_the_next_boot_settle_nothing_and_hide_nothing() -> None:
    assert not is_settled(finding(change(DROP_IN)))
    assert is_settled(finding(RAISE, change(DROP_IN, number=2)))


def test_a_raise_by_less_than_a_tenth_is_no_room() -> None:
    found = finding(change(raised(262143)))
    assert not is_settled(found)
    assert why(found) == "from 262143 to 262144: what was too much would fill 90% of it"


# -- several changes --


def test_the_newest_was_undone_and_the_one_before_it_holds() -> None:
    first = change(raised(131072, 262144, log_end=BEFORE))
    undone = replace(change(raised(262144, 524288), number=2), state=State.UNDONE)
    assert is_settled(finding(first, undone))
    between = log_of(BEFORE - 1, BEFORE + 1)
    found = finding(first, undone, log=between)
    assert not is_settled(found), "what came between is not settled by the first"
    assert any("(ec2rl history: 1), 1 line since" in line for line in details(found))


def test_lines_from_when_the_limit_was_as_large_are_not_settled_by_raising_it_again() -> None:
    undone = replace(change(raised(log_end=BEFORE)), state=State.UNDONE)
    again = change(raised(), number=2)
    assert is_settled(finding(undone, again)), "no line while the first was in force"
    found = finding(undone, again, log=log_of(BEFORE - 1, BEFORE + 1))
    assert not is_settled(found)
    assert any(
        line.startswith("1 occurrence may be older than that change, and counts as of now")
        for line in details(found)
    )


@pytest.mark.parametrize(("taken_back", "settled"), [(TRIAL_OVER, True), (None, False)])
def test_lines_after_a_trial_that_was_taken_back_tell_of_the_limit_of_before(
    taken_back: int | None, settled: bool
) -> None:
    """Tried, taken back, overflowed, and then raised for good: the way it is done."""
    item = replace(raised(log_end=TRIAL), log_back=taken_back)
    trial = replace(change(item), state=State.UNDONE)
    found = finding(trial, change(raised(), number=2), log=log_of(BEFORE))
    assert is_settled(found) is settled


def test_lines_of_the_trial_itself_tell_of_its_limit() -> None:
    item = replace(raised(log_end=TRIAL), log_back=TRIAL_OVER)
    trial = replace(change(item), state=State.UNDONE)
    found = finding(trial, change(raised(), number=2), log=log_of(TRIAL + 1))
    assert not is_settled(found)


def test_a_larger_limit_at_a_time_unknown_counts_for_all_lines() -> None:
    old = replace(change(raised(131072, 524288, log_end=None)), state=State.UNDONE)
    assert not is_settled(finding(old, change(raised(), number=2)))
    bigger = change(raised(131072, 1048576), number=2)
    assert is_settled(finding(old, bigger, maximum="1048576"))


def test_two_raises_in_a_row_settle_all_that_was_before_them() -> None:
    second = change(raised(262144, 524288, log_end=AFTER), number=2)
    assert is_settled(finding(RAISE, second, maximum="524288", log=log_of(BEFORE, END + 5)))


# -- recordings --


@pytest.mark.parametrize("record", [encode(RAISE).decode(), "!failed can be written by others"])
def test_a_recording_is_judged_as_the_machine_was(record: str) -> None:
    looks = {**scene(), f"{FOLDER}/1.json": record}
    machine = CachingHost(RecordedHost(looks))
    seen = MODULE.read(machine, read_kernel_log(machine, MODULE.phrases), Options())
    for text in (case(machine.memory, ()), mask(case(machine.memory, ()))):
        replayed = sections(text)[1]
        del replayed["expect"]
        assert found_in(replayed) == MODULE.judge(seen)


# -- the drop counters --


def test_drops_are_explained_only_where_a_second_look_shows_that_they_have_ended() -> None:
    assert finding(RAISE).verdict is Verdict.OK
    found = judged((RAISE,), {}, 0)
    assert found.verdict is Verdict.WARNING
    assert summary(found) == (
        "23 packets dropped by conntrack; whether all of it was before the change of the limit is "
        "not known"
    )


def test_nor_where_lines_since_the_change_may_be_lost() -> None:
    """The ring begins after the change, and the journal has the line from before it alone."""
    past = JOURNAL % (
        FULL, BOOT.replace("-", ""), f'"_SOURCE_MONOTONIC_TIMESTAMP": "{BEFORE}", '
    )  # fmt: skip
    wrapped = f"6,900,{AFTER},-;eth0: link up"
    found = finding(RAISE, log=wrapped, journal=past)
    assert found.verdict is Verdict.WARNING
    assert summary(found).startswith("23 packets dropped by conntrack; whether all of it ")
    begins_with_it = wrapped.replace(str(AFTER), str(END))
    found = finding(RAISE, log=begins_with_it, journal=past)
    assert found.verdict is Verdict.OK
    assert any(
        line.startswith("Rests on: dmesg, whole since that change") for line in details(found)
    )


# -- what the kernel left out --

SUPPRESSED = "4,2,{},-;net_ratelimit: 500 callbacks suppressed"
WHOLE = f"6,0,0,-;Linux version 6.1\n4,1,{BEFORE},-;{FULL}\n"


@pytest.mark.parametrize("stamp", [END + 1, AFTER])
def test_lines_that_were_suppressed_since_the_change_leave_the_drops_unexplained(
    stamp: int,
) -> None:
    found = finding(RAISE, log=WHOLE + SUPPRESSED.format(stamp))
    assert found.verdict is Verdict.WARNING
    assert summary(found).startswith("23 packets dropped by conntrack; whether all of it ")


@pytest.mark.parametrize("stamp", [BEFORE + 1, END])
def test_those_that_were_suppressed_before_it_are_before_it(stamp: int) -> None:
    assert is_settled(finding(RAISE, log=WHOLE + SUPPRESSED.format(stamp)))


def test_one_without_a_stamp_may_be_later() -> None:
    text = JOURNAL % ("net_ratelimit: 500 callbacks suppressed", BOOT.replace("-", ""), "")
    found = finding(RAISE, log=WHOLE, journal=text)
    assert found.verdict is Verdict.WARNING


# -- a journal with holes --

LOWERED = change(raised(262144, 131072, log_end=BEFORE + 50), number=2)
AGAIN = change(raised(), number=3)
RAISED_EARLIER = change(raised(log_end=BEFORE - 50))


def gap(found: Finding) -> str:
    (line,) = [line for line in details(found) if line.startswith("Not read or not believed")]
    return line.partition("settles no line: ")[2]


def test_while_anything_of_the_journal_is_damaged_nothing_is_settled() -> None:
    torn = {f"{FOLDER}/{number}.json": "garbage" for number in (1, 2)}
    assert not is_settled(finding(RAISED_EARLIER, LOWERED, AGAIN)), "it was full at 262144"
    found = finding(AGAIN, **torn)
    assert not is_settled(found)
    assert gap(found) == f"{FOLDER}/1.json: failed (damaged: its checksum is wrong) and 1 more"
    later = finding(RAISE, **{f"{FOLDER}/2.json": "garbage"})
    assert not is_settled(later)
    assert gap(later).startswith(f"{FOLDER}/2.json: failed")


@pytest.mark.parametrize(
    ("left", "missing"),
    [((3,), 2), ((1, 3), 2), ((2, 3), 1), ((1, 2, 3, 5), 4)],
)
def test_nor_while_a_record_of_this_boot_may_be_gone(left: Sequence[int], missing: int) -> None:
    """A small change each, of something else; the last one made room."""
    made = [change(SysctlItem(IDLE, "1", "2", "2", END), number=n) for n in left[:-1]]
    found = finding(*made, replace(RAISE, id=left[-1]))
    assert not is_settled(found)
    path = f"{FOLDER}/{missing}.json"
    assert gap(found) == f"{path}: partial (the record of change {missing} is not there)"


@pytest.mark.parametrize("left", [(1, 2), (4, 5), (2, 7, 8)])
def test_what_is_missing_before_a_change_of_an_earlier_boot_is_of_no_concern(
    left: Sequence[int],
) -> None:
    old = [replace(RAISE, id=number, boot="another") for number in left[:-1]]
    assert is_settled(finding(*old, replace(RAISE, id=left[-1])))
