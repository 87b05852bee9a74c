"""Who said a line: the same answer at every door, and no failure that a user could forge."""

from __future__ import annotations

from pathlib import Path

import pytest

from ec2rl.facts.trust import TEXT_IS, Grade
from ec2rl.model import Verdict
from ec2rl.report.wording import details
from support.doors import ABOUT, BOOT, BUG, DOORS, FULL, HUNG, PANIC, Door, graded, judged, read

# As syslog(2) gives one record: each of its lines with the record's own stamp. The heads are what
# Linux 6.18 printed of a mount that failed, and what drivers say of a device's own names.
HEADS = (
    "overlayfs: failed to resolve 'x",
    'overlayfs: unrecognized mount option "x',
    "tmpfs: Unknown parameter 'q",
    "proc: Bad value for 'q",
    "cgroup: Unknown subsys name 'q",
    "process '/tmp/x",
    "usb 1-1: Product: x",
    "usb 2-1.4: SerialNumber: 1",
    "input: x",
)
PREFIXES = {
    "dmesg -S": "[  740.811124] ",
    "dmesg -S -x": "kern  :err   : [  740.811124] ",
    "dmesg -r": "<3>[  740.811124] ",
    "with callers": "[  740.811124][ T1234] ",
}


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
@pytest.mark.parametrize("prefix", PREFIXES.values(), ids=PREFIXES)
@pytest.mark.parametrize("head", HEADS)
@pytest.mark.sampled(5)
def test_the_tail_of_a_users_string_is_nobodys_failure(
    tmp_path: Path, door: Door, prefix: str, head: str
) -> None:
    record = [f"{prefix}{text}" for text in (head, *ABOUT, "b': -2")]
    log = read(door(tmp_path, "\n".join([*BOOT, *record]) + "\n"))
    assert graded(log) == [(message, Grade.FORGED) for message in ABOUT]


@pytest.mark.parametrize("name", ["conntrackfull", "kernelbug", "hungtasks"])
@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
def test_a_forged_line_is_told_and_changes_no_verdict(
    tmp_path: Path, door: Door, name: str
) -> None:
    lines = (*BOOT, *(f"[   99.500000] {text}" for text in (HEADS[0], *ABOUT, "b': -2")))
    finding = judged(name, door(tmp_path, "\n".join(lines) + "\n"))
    assert finding.verdict is Verdict.OK
    told = "Not the kernel's: 1 line that someone wrote in its name, the first in "
    assert any(line.startswith(told) for line in details(finding))


# A string of a user's with words in its first line that ours have too, and ours behind a line end.
ALMOST_OURS = (
    "overlay: Unknown parameter 'x conntrack: ",
    "overlay: Unknown parameter 'x kernel BUG at ",
    "tmpfs: Unknown parameter ' blocked for more than ",
    "process '/tmp/Kernel panic - not syncing: ",
    "usb 1-1: Product: nf_conntrack: table full, dropping packet",
)


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
@pytest.mark.parametrize("prefix", PREFIXES.values(), ids=PREFIXES)
@pytest.mark.parametrize("head", ALMOST_OURS)
@pytest.mark.sampled(5)
def test_a_users_string_with_our_words_is_no_message_of_ours(
    tmp_path: Path, door: Door, prefix: str, head: str
) -> None:
    record = [f"{prefix}{text}" for text in (head, FULL, FULL, PANIC, "'")]
    log = read(door(tmp_path, "\n".join([*BOOT, *record]) + "\n"))
    assert graded(log) == [(text, Grade.FORGED) for text in (FULL, FULL, PANIC)]


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
@pytest.mark.parametrize(
    "head", ["x conntrack: y", "nf_conntrack: z", f"audit: {FULL}", HUNG + "x"]
)
def test_our_words_in_an_unknown_line_clear_nothing(tmp_path: Path, door: Door, head: str) -> None:
    record = [f"[  740.811124] {text}" for text in (head, FULL, BUG)]
    log = read(door(tmp_path, "\n".join([*BOOT, *record]) + "\n"))
    assert [one for one in graded(log) if one[0] in (FULL, BUG)] == [
        (FULL, Grade.UNVERIFIED),
        (BUG, Grade.UNVERIFIED),
    ]


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
@pytest.mark.parametrize("head", ALMOST_OURS)
def test_of_whole_seconds_too_our_words_clear_nothing(
    tmp_path: Path, door: Door, head: str
) -> None:
    boot = "[Mon Sep 21 14:13:20 2026] Linux version 6.1.0"
    record = [f"[Mon Sep 21 14:15:00 2026] {text}" for text in (head, FULL, "'")]
    log = read(door(tmp_path, "\n".join([boot, *record]) + "\n"))
    assert graded(log) == [(FULL, Grade.UNVERIFIED)]


VERSION = "Linux version 6.1.0 (gcc)"


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
@pytest.mark.parametrize("head", [*ALMOST_OURS[:1], HEADS[0], "eth0: a name of nobody's"])
def test_a_forged_beginning_begins_nothing(tmp_path: Path, door: Door, head: str) -> None:
    def dated(second: int, text: str) -> str:
        return f"[Mon Sep 21 14:15:{second:02} 2026] {text}"

    forged = [dated(30, text) for text in (head, VERSION, "'")]
    quiet = judged("conntrackfull", door(tmp_path, "\n".join([dated(0, "eth0: up"), *forged])))
    assert quiet.verdict is Verdict.UNKNOWN, "nobody saw the boot"
    full = [dated(0, "eth0: up"), dated(10, FULL), *forged]
    assert judged("conntrackfull", door(tmp_path, "\n".join(full))).verdict is Verdict.PROBLEM


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
@pytest.mark.parametrize(
    "first",
    [
        [],
        ["Initializing cgroup subsys cpuset", "Initializing cgroup subsys cpu"],
        ["Booting Linux on physical CPU 0x0000000000 [0x410fd083]"],
        ["microcode: microcode updated early to revision 0x2f, date = 2019-02-17"],
    ],
)
def test_a_boot_told_in_whole_seconds_begins(tmp_path: Path, door: Door, first: list[str]) -> None:
    text = "\n".join(f"[Mon Sep 21 14:15:00 2026] {one}" for one in [*first, VERSION, "x"])
    assert judged("conntrackfull", door(tmp_path, text)).verdict is Verdict.OK


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
def test_a_later_boot_in_whole_seconds_makes_an_earlier_one(tmp_path: Path, door: Door) -> None:
    said = [(0, VERSION), (10, FULL), (30, VERSION), (31, "x")]
    text = "\n".join(f"[Mon Sep 21 14:15:{at:02} 2026] {one}" for at, one in said)
    assert judged("conntrackfull", door(tmp_path, text)).verdict is Verdict.WARNING


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
@pytest.mark.parametrize("head", ["brcmfmac: name=x", "audit: x", "Comm: x"])
def test_what_may_be_the_tail_of_any_other_string_is_not_verified(
    tmp_path: Path, door: Door, head: str
) -> None:
    lines = (*BOOT, *(f"[   99.500000] {text}" for text in (head, FULL, PANIC)))
    log = read(door(tmp_path, "\n".join(lines) + "\n"))
    assert graded(log) == [(FULL, Grade.UNVERIFIED), (PANIC, Grade.UNVERIFIED)]
    finding = judged("conntrackfull", door(tmp_path, "\n".join(lines) + "\n"))
    assert finding.verdict is Verdict.WARNING
    assert any("the line above bears the same stamp" in line for line in details(finding))


@pytest.mark.parametrize(
    ("lines", "count"),
    [
        (["[   99.500000] eth0: up", f"[   99.500001] {FULL}"], 1),
        ([f"[   99.500000] {FULL}", f"[   99.500000] {FULL}", f"[   99.500000] {BUG}"], 3),
        (
            [
                "[   99.500000] net_ratelimit: 7 callbacks suppressed",
                f"[   99.500000] {FULL}",
            ],
            1,
        ),
        (["[   99.500000] ------------[ cut here ]------------", f"[   99.500000] {BUG}"], 1),
        (["[   99.500000] overlayfs: failed to resolve 'x': -2", f"[   99.500001] {FULL}"], 1),
        ([f"[    0.000000] {BUG}"], 1),
        (["user  :info  : [   99.500000] x", f"kern  :warn  : [   99.500000] {FULL}"], 1),
    ],
)
@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
def test_the_kernels_own_lines_stay_its_own(
    tmp_path: Path, door: Door, lines: list[str], count: int
) -> None:
    log = read(door(tmp_path, "\n".join([*BOOT, *lines]) + "\n"))
    assert [grade for _, grade in graded(log)] == [Grade.TEXT] * count


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
def test_of_whole_seconds_a_line_is_its_own_where_another_second_or_ours_is_above(
    tmp_path: Path, door: Door
) -> None:
    stamp = "[Mon Sep 21 14:15:00 2026]"
    boot = "[Mon Sep 21 14:13:20 2026] Linux version 6.1.0"
    lines = [boot, boot.replace("Linux version 6.1.0", BUG), f"{stamp} {FULL}", f"{stamp} {FULL}"]
    lines += [stamp.replace("00 ", "01 ") + " eth0: up", stamp.replace("00 ", "02 ") + f" {FULL}"]
    found = graded(read(door(tmp_path, "\n".join(lines))))
    assert found == [(BUG, Grade.TEXT), *[(FULL, Grade.TEXT)] * 3]
    lines = [boot, f"{stamp} tmpfs: Unknown parameter 'q", f"{stamp} {FULL}", f"{stamp} b'"]
    assert graded(read(door(tmp_path, "\n".join(lines)))) == [(FULL, Grade.UNVERIFIED)]


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
@pytest.mark.parametrize(
    ("head", "tail"),
    [
        ("BTRFS: device label x", " devid 1 transid 5 /dev/loop0 scanned by mount (33)"),
        ("uvcvideo 1-1:1.0: Found UVC 1.00 device Acme", " (046d:0825)"),
        ("microsoft 0003:045E:0780.0001: input,hidraw0: USB HID v1.11 Keyboard [Acme", "] on usb"),
        ("overlayfs: failed to resolve '/tmp/x", "': -2"),
        ("eth0: a name that nobody has listed", ""),
    ],
)
def test_of_whole_seconds_a_tail_of_any_string_is_not_verified(
    tmp_path: Path, door: Door, head: str, tail: str
) -> None:
    boot = "[Mon Sep 21 14:13:20 2026] Linux version 6.1.0"
    record = [f"[Mon Sep 21 14:15:00 2026] {text}" for text in (head, FULL, FULL, tail)]
    path = door(tmp_path, "\n".join([boot, *record]))
    assert graded(read(path)) == [(FULL, Grade.UNVERIFIED)] * 2
    assert judged("conntrackfull", path).verdict is Verdict.WARNING


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
@pytest.mark.parametrize(
    "prefix",
    ["user  :notice: [   99.500000] ", "daemon:info  : [   99.500000] ", "<14>[   99.500000] "],
)
def test_a_facility_that_is_not_the_kernels_never_counts(
    tmp_path: Path, door: Door, prefix: str
) -> None:
    kernels = "<5>" if prefix[0] == "<" else "kern  :notice: "
    text = "\n".join([kernels + BOOT[0], kernels + BOOT[1], prefix + FULL, prefix + PANIC])
    assert {grade for _, grade in graded(read(door(tmp_path, text)))} == {Grade.FORGED}


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
@pytest.mark.more
def test_text_decides_and_says_its_grade_and_strict_makes_a_warning_of_it(
    tmp_path: Path, door: Door
) -> None:
    whole = "\n".join([*BOOT, f"[   99.500000] {FULL}", f"[   99.600000] {BUG}"]) + "\n"
    for text in (whole, whole.partition("\n")[2]):
        for name in ("conntrackfull", "kernelbug"):
            found = judged(name, door(tmp_path, text))
            assert found.verdict is Verdict.PROBLEM
            assert f"Grade: {TEXT_IS}" in details(found)
            strict = judged(name, door(tmp_path, text), strict=True)
            assert strict.verdict is Verdict.WARNING
            assert "Not verified: text is no proof (--strict)" in details(strict)
