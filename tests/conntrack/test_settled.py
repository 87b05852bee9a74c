"""Which lines a change settles: whole records of a raise in force, by the clock of the log itself.

The scene: two table-full lines an hour after the boot, 131072 raised to 262144 a little later.
"""

from __future__ import annotations

import pytest

from ec2rl.facts.change import State
from ec2rl.facts.change_format import encode
from ec2rl.record import replace
from ec2rl.report.wording import details
from support.settled import (
    AFTER,
    BEFORE,
    BOOT,
    END,
    FOLDER,
    FULL,
    RAISE,
    change,
    finding,
    is_settled,
    log_of,
    raised,
    why,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    pass


def test_a_raise_that_is_in_force_settles_the_lines_before_it() -> None:
    found = finding(RAISE)
    assert is_settled(found)
    assert (
        "2 occurrences before the change of 2026-11-23 05:00:00 +0000 (ec2rl history: 1), "
        "none since: it raised nf_conntrack_max, which is 262,144 now"
    ) in details(found)


# -- clocks --


@pytest.mark.parametrize(
    "clock",
    [
        "2026-11-24T02:00:00Z",
        "2026-11-20T02:00:00Z",
        "1970-01-02T02:00:00Z",
        "2199-01-01T00:00:00Z",
    ],
)
@pytest.mark.parametrize("when", [0.0, 1795410000.0, 99999999999.0])
def test_no_clock_that_somebody_can_set_has_a_say(clock: str, when: float) -> None:
    """Stepped back or forward, at the change or since; a record that is dated in the future."""
    dated = replace(RAISE, time=when)
    look = {"clock": f"now={clock} uptime=86400"}
    assert is_settled(finding(dated, **look))
    assert not is_settled(finding(dated, log=log_of(BEFORE, AFTER), **look))


@pytest.mark.parametrize("uptime", ["uptime=1", "uptime=99999999", ""])
def test_nor_has_the_uptime_of_a_time_namespace(uptime: str) -> None:
    look = {"clock": f"now=2026-11-24T02:00:00Z {uptime}"}
    assert is_settled(finding(RAISE, **look))
    assert not is_settled(finding(RAISE, log=log_of(BEFORE, AFTER), **look))


@pytest.mark.parametrize("stamp", [END + 1, AFTER])
def test_a_line_that_is_later_by_a_microsecond_is_one_of_now(stamp: int) -> None:
    assert not is_settled(finding(RAISE, log=log_of(stamp)))


def test_the_newest_line_of_then_is_before_the_change() -> None:
    assert is_settled(finding(RAISE, log=log_of(BEFORE, END)))


@pytest.mark.parametrize(
    "boot", [None, "", "22222222-2222-2222-2222-222222222222", "!denied needs root"]
)
def test_a_change_of_another_boot_settles_nothing(boot: str | None) -> None:
    assert not is_settled(finding(RAISE, boot=boot))


def test_a_change_whose_boot_was_not_known_settles_nothing() -> None:
    assert not is_settled(finding(replace(RAISE, boot=""), boot=""))
    assert not is_settled(finding(replace(RAISE, boot="")))


JOURNAL = (
    '{"MESSAGE": "%s", "_TRANSPORT": "kernel", "SYSLOG_FACILITY": "0", "_BOOT_ID": "%s", %s'
    '"__REALTIME_TIMESTAMP": "1795406400000000"}'
)


@pytest.mark.parametrize(
    ("boot", "stamp", "settled"),
    [
        (BOOT.replace("-", ""), f'"_SOURCE_MONOTONIC_TIMESTAMP": "{BEFORE - 5}", ', True),
        (BOOT.replace("-", ""), f'"_SOURCE_MONOTONIC_TIMESTAMP": "{AFTER}", ', False),
        (BOOT.replace("-", ""), "", False),
    ],
)
def test_a_line_of_the_journal_is_settled_by_the_same_stamp(
    boot: str, stamp: str, settled: bool
) -> None:
    found = finding(RAISE, journal=JOURNAL % (FULL, boot, stamp))
    assert is_settled(found) == settled
    words = "1 occurrence may be older than that change, and counts as of now: "
    assert any(line.startswith(words) for line in details(found)) == (not stamp)


# -- records --


def test_a_record_with_a_wrong_checksum_settles_nothing() -> None:
    text = encode(RAISE).decode().replace("fix", "fax")
    found = finding(**{f"{FOLDER}/1.json": text})
    assert not is_settled(found)
    assert why(found) == f"{FOLDER}/1.json: failed (damaged: its checksum is wrong)"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[" * 50_000,
        encode(RAISE).decode()[:300],
        encode(RAISE).decode().partition("\n")[2],
        encode(RAISE).decode() * 2,
        encode(RAISE).decode().replace('"schema": 2', '"schema": 3'),
        encode(RAISE).decode() + " " * (512 << 10),
    ],
    ids=range(8),
)
def test_nor_does_one_that_is_torn_too_large_or_of_a_form_not_known(text: str) -> None:
    found = finding(**{f"{FOLDER}/1.json": text})
    assert not is_settled(found)
    assert why(found).startswith(f"{FOLDER}/1.json: failed (")


@pytest.mark.parametrize(
    "reason", ["!failed can be written by others", "!denied needs root", "!partial too large"]
)
def test_nor_does_one_that_cannot_be_read_or_is_not_our_own(reason: str) -> None:
    found = finding(**{f"{FOLDER}/1.json": reason})
    assert not is_settled(found)
    assert why(found).startswith(f"{FOLDER}/1.json: ")


def test_a_journal_that_only_root_may_read_is_told_of() -> None:
    found = finding(**{f"ls {FOLDER}": "!denied needs root"})
    assert not is_settled(found)
    assert why(found) == f"{FOLDER}: denied (needs root)"


def test_a_record_under_another_name_is_none() -> None:
    for name in ("01.json", "2.json", "1.json.bak", "draft", "\u0661.json"):
        assert not is_settled(finding(**{f"{FOLDER}/{name}": encode(RAISE).decode()}))


@pytest.mark.parametrize("state", [state for state in State if state is not State.APPLIED])
def test_a_change_that_was_not_completed_or_was_undone_settles_nothing(state: State) -> None:
    found = finding(replace(RAISE, state=state))
    assert not is_settled(found)
    assert why(found) == f"it is {state.value}"


def test_a_record_of_schema_1_does_not_tell_which_lines_are_older() -> None:
    found = finding(change(raised(log_end=None)))
    assert not is_settled(found)
    assert why(found) == "its record does not tell where the kernel's log ended then"


def test_a_change_on_trial_does_not_settle_before_it_is_confirmed() -> None:
    """Whether its time is over is for a clock to say that can be set."""
    found = finding(RAISE, **{f"{FOLDER}/trial-1": "1795410120.0"})
    assert not is_settled(found)
    assert why(found) == "it is on trial; to let it stay: sudo ./ec2rl keep 1"
    assert is_settled(finding(RAISE, **{f"{FOLDER}/trial-2": "1795410120.0"}))


# -- in force --
