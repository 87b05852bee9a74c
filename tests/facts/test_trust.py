"""Who said a line: the same answer at every door, and no failure that a user could forge."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ec2rl.catalogue import load
from ec2rl.facts.kernel_log import read_kernel_log
from ec2rl.facts.log import KernelLog
from ec2rl.facts.trust import TEXT_IS, Grade
from ec2rl.host import Host, Phrase
from ec2rl.host.recording import RecordedHost, sections
from ec2rl.host.saved_logs import open_logs
from ec2rl.host.sos import open_sos
from ec2rl.model import Evidence, Finding, Unreadable, Verdict, Why
from ec2rl.module import Options
from ec2rl.report.wording import details

FULL = "nf_conntrack: nf_conntrack: table full, dropping packet"
PANIC = "Kernel panic - not syncing: Fatal exception"
BUG = "kernel BUG at mm/slub.c:1!"
HUNG = "INFO: task dd:77 blocked for more than 120 seconds."
WANTED = tuple(
    phrase
    for name in ("conntrackfull", "kernelpanic", "kernelbug", "hungtasks")
    for phrase in load(name).phrases
)
ABOUT = (FULL, PANIC, BUG, HUNG)
BOOT = ("[    0.000000] Linux version 6.1.0 (gcc)", "[    1.000000] x")
ID = "11111111111111111111111111111111"


def saved(folder: Path, text: str, name: str = "dmesg.txt") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    os.utime(path, (1790000300, 1790000300))
    return path


def by_log(folder: Path, text: str) -> Host | Unreadable:
    return open_logs([str(saved(folder, text))], WANTED)


def by_sos(folder: Path, text: str) -> Host | Unreadable:
    files = {
        "sos_commands/kernel/dmesg": text,
        "proc/meminfo": "MemTotal: 1000 kB\n",
        "proc/uptime": "1000.0 1.0\n",
        "etc/os-release": "ID=x\n",
    }
    for name, content in files.items():
        (folder / "sos" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "sos" / name).write_text(content, encoding="utf-8")
    return open_sos(str(folder / "sos"), WANTED)


def by_replay(folder: Path, text: str) -> Host | Unreadable:
    looks = {"clock": "now=2026-09-21T14:18:20Z", "dmesg": text, "ls /proc": "!not-collected"}
    return RecordedHost(looks, missing=Why.NOT_COLLECTED)


DOORS = {"log": by_log, "sos": by_sos, "replay": by_replay}
Door = Callable[[Path, str], "Host | Unreadable"]


def read(host: Host | Unreadable, strict: bool = False) -> KernelLog:
    assert not isinstance(host, Unreadable), host
    return read_kernel_log(host, WANTED, None, strict)


def judged(name: str, host: Host | Unreadable, strict: bool = False) -> Finding:
    assert not isinstance(host, Unreadable), host
    module = load(name)
    log = read_kernel_log(host, module.phrases, None, strict)
    finding: Finding = module.judge(module.read(host, log, Options(strict=strict)))
    return finding


def graded(log: KernelLog) -> list[tuple[str, Grade]]:
    return [(line.message, line.grade) for line in log.lines if line.message in ABOUT]


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
    assert "Not the kernel's: 1 line that someone wrote in its name" in details(finding)


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
def test_whole_seconds_alone_make_no_tail(tmp_path: Path, door: Door) -> None:
    stamp = "[Mon Sep 21 14:15:00 2026]"
    boot = "[Mon Sep 21 14:13:20 2026] Linux version 6.1.0"
    lines = [boot, f"{stamp} eth0: up", f"{stamp} {FULL}"]
    assert graded(read(door(tmp_path, "\n".join(lines)))) == [(FULL, Grade.TEXT)]
    lines = [boot, f"{stamp} tmpfs: Unknown parameter 'q", f"{stamp} {FULL}", f"{stamp} b'"]
    assert graded(read(door(tmp_path, "\n".join(lines)))) == [(FULL, Grade.UNVERIFIED)]


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


def journal(*messages: tuple[str, float]) -> str:
    """What `journalctl -o json` prints: the kernel's records, by seconds after the boot."""
    return "".join(
        json.dumps(
            {
                "MESSAGE": message,
                "_TRANSPORT": "kernel" if message != "sshd" else "syslog",
                "SYSLOG_FACILITY": "0",
                "_BOOT_ID": ID,
                "_SOURCE_MONOTONIC_TIMESTAMP": str(int(up * 1e6)),
                "__REALTIME_TIMESTAMP": str(int((1790000000 + up) * 1e6)),
            }
        )
        + "\n"
        for message, up in messages
    )


BEGIN = ("Linux version 6.1.0 (gcc)", 0.0)


@pytest.mark.parametrize(
    ("records", "grade"),
    [
        ([BEGIN, ("sshd", 500.0)], Grade.UNVERIFIED),  # it goes on behind the line, and lacks it
        ([BEGIN, ("sshd", 50.0)], Grade.TEXT),  # it ends before the line
        ([("sshd", 50.0), ("sshd", 500.0)], Grade.TEXT),  # it has nothing of the kernel's
        ([BEGIN, ("Missed 3 kernel messages", 60.0), ("sshd", 500.0)], Grade.UNVERIFIED),
        ([BEGIN, (FULL, 99.5), ("sshd", 500.0)], Grade.KERNEL),
    ],
)
def test_text_never_decides_against_the_journal(
    tmp_path: Path, records: list[tuple[str, float]], grade: Grade
) -> None:
    text = "\n".join([*BOOT, f"[   99.500000] {FULL}"]) + "\n"
    paths = [saved(tmp_path, text), saved(tmp_path, journal(*records), "journal.json")]
    host = open_logs([str(path) for path in paths], WANTED)
    assert graded(read(host)) == [(FULL, grade)]


def test_each_of_several_texts_is_what_it_is(tmp_path: Path) -> None:
    lines = (f"[   99.500000] {FULL}", f"[  199.500000] {FULL}")
    paths = [saved(tmp_path, "\n".join([*BOOT, one]) + "\n", f"{one[3:6]}.txt") for one in lines]
    assert graded(read(open_logs([str(path) for path in paths], WANTED))) == [
        (FULL, Grade.TEXT),
        (FULL, Grade.TEXT),
    ]


SHORT = f"Sep 21 14:15:00 me kernel: {FULL}\n"
HEADERS = (
    "-- Logs begin at Mon 2026-09-21 08:00:00 UTC, end at Mon 2026-09-21 14:16:00 UTC. --\n",
    "-- Journal begins at Mon 2026-09-21 08:00:00 UTC, ends at Mon 2026-09-21 14:16:00 UTC. --\n",
    f"-- Boot {ID} --\n",
)


def test_journalctls_text_is_known_by_what_it_says_of_itself_at_each_door(tmp_path: Path) -> None:
    for header in HEADERS:
        host = open_logs([str(saved(tmp_path, header + SHORT))], WANTED)
        assert graded(read(host)) == [(FULL, Grade.TEXT)], header
    name = "journalctl_--no-pager"
    host = open_logs([str(saved(tmp_path, SHORT, name))], WANTED)
    assert graded(read(host)) == [(FULL, Grade.TEXT)]
    by_sos(tmp_path, "\n".join(BOOT))
    logs = tmp_path / "sos/sos_commands/logs"
    logs.mkdir()
    saved(logs, SHORT, name)
    assert graded(read(open_sos(str(tmp_path / "sos"), WANTED))) == [(FULL, Grade.TEXT)]


def test_a_syslog_daemons_text_is_hearsay_at_each_door(tmp_path: Path) -> None:
    """`logger -t kernel` writes the same line."""
    host = open_logs([str(saved(tmp_path, SHORT))], WANTED)
    assert graded(read(host)) == [(FULL, Grade.UNVERIFIED)]
    by_sos(tmp_path, "\n".join(BOOT))
    logs = tmp_path / "sos/var/log"
    logs.mkdir(parents=True)
    saved(logs, SHORT, "messages")
    assert graded(read(open_sos(str(tmp_path / "sos"), WANTED))) == [(FULL, Grade.UNVERIFIED)]
    live = {"clock": "now=2026-09-21T14:18:20Z", "/var/log/messages": SHORT}
    assert graded(read(RecordedHost(live))) == [(FULL, Grade.UNVERIFIED)]


def test_live_a_record_with_line_ends_is_one_message() -> None:
    ring = f"3,0,0,-;Linux version 6.1.0\n3,1,99500000,-;{HEADS[0]}\\x0a{FULL}\\x0ab': -2\n"
    log = read(RecordedHost({"clock": "now=2026-09-21T14:18:20Z uptime=100", "/dev/kmsg": ring}))
    assert graded(log) == []


@pytest.mark.parametrize("strict", [False, True])
def test_live_what_the_kernel_said_is_proven(strict: bool) -> None:
    ring = f"3,0,0,-;Linux version 6.1.0\n4,1,99500000,-;{FULL}\n12,2,99600000,-;{PANIC}\n"
    host = RecordedHost({"clock": "now=2026-09-21T14:18:20Z uptime=100", "/dev/kmsg": ring})
    assert graded(read(host, strict)) == [(FULL, Grade.KERNEL), (PANIC, Grade.FORGED)]
    assert judged("conntrackfull", host, strict).verdict is Verdict.PROBLEM


def test_what_a_dead_kernel_left_is_text_with_the_same_tails() -> None:
    body = "\n".join(f"<3>[   99.500000] {text}" for text in (HEADS[2], PANIC, "b'"))
    looks = {"/sys/fs/pstore/dmesg-ramoops-0": body, "/dev/kmsg": "6,0,0,-;Linux version 6\n"}
    finding = judged("kernelpanic", RecordedHost(looks))
    assert finding.verdict is Verdict.OK
    assert "Not the kernel's: 1 line that someone wrote in its name" in details(finding)


def test_a_recording_of_a_text_is_judged_as_the_text(tmp_path: Path) -> None:
    from ec2rl.host.caching import CachingHost
    from ec2rl.host.recording import case

    for text in ((HEADS[0], FULL), ("eth0: up", FULL)):
        host = by_log(tmp_path, "\n".join([*BOOT, *(f"[   99.500000] {one}" for one in text)]))
        assert isinstance(host, RecordedHost)
        seen = CachingHost(host)
        first = graded(read(seen))
        looks = sections(case(seen.memory, []))[1]
        assert graded(read(RecordedHost(looks, missing=Why.NOT_COLLECTED))) == first


def test_phrases_are_wanted_with_the_line_above_in_kernel_texts(tmp_path: Path) -> None:
    host = by_log(tmp_path, "\n".join([*BOOT, "[   99.500000] above", f"[   99.600000] {FULL}"]))
    assert isinstance(host, RecordedHost)
    (found,) = host.search(["dmesg"], [Phrase(b"table full", before=True)])
    assert not isinstance(found, Unreadable)
    assert [line.text for line in found.lines][-2] == "[   99.500000] above"


def test_a_doubt_without_a_date_is_not_forgotten_by_since(tmp_path: Path) -> None:
    host = by_log(tmp_path, "\n".join([*BOOT, f"[   99.500000] {FULL}"]) + "\n")
    assert isinstance(host, RecordedHost)
    log = read_kernel_log(host, WANTED, 1790000200.0, strict=True)
    assert graded(log) == [(FULL, Grade.UNVERIFIED)]


STAMPED = f"[ 5240.138861] {FULL}"
SPOILT = {
    "a login prompt": f"ip-10-0-0-1 login: {STAMPED}",
    "a start": f"Starting foo...{STAMPED}",
    "a start of systemd's": f"         Starting Network Manager...{STAMPED}",
    "a state": f"[  OK  ] Started foo.service - Foo.{STAMPED}",
    "another state": f"[FAILED] Failed to mount /data.{STAMPED}",
    "a state behind it": f"{STAMPED}[  OK  ] Started foo",
    "a coloured state behind it": f"{STAMPED}[\x1b[0;32m  OK  \x1b[0m] Started foo",
    "colours": f"\x1b[0m\x1b[32m[ 5240.138861] \x1b[33mnf_conntrack: \x1b[0m{FULL[14:]}\x1b[0m",
    "a carriage return before": f"\r{STAMPED}\r",
    "carriage returns behind": f"{STAMPED}\r\r",
    "a prompt that was overwritten": f"ip-10-0-0-1 login: \r{STAMPED}",
    "NULs before": f"\x00\x00{STAMPED}",
    "NULs behind": f"{STAMPED}\x00",
    "a blank": f" {STAMPED}",
    "a priority behind a blank": f"  <4>{STAMPED}",
    "a byte order mark": f"\ufeff{STAMPED}",
    "dmesg --time-format iso": f"2026-09-21T14:15:00,123456+00:00 {FULL}",
}


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
@pytest.mark.parametrize("line", SPOILT.values(), ids=SPOILT)
@pytest.mark.sampled(5)
def test_a_line_that_a_console_spoilt_is_the_kernels(tmp_path: Path, door: Door, line: str) -> None:
    log = read(door(tmp_path, "\n".join([*BOOT, line, "[ 5300.000000] x"]) + "\n"))
    assert graded(log) == [(FULL, Grade.TEXT)]


FORMLESS = {
    "nanoseconds": f"[5240.138861000] {FULL}",
    "no stamp": FULL,
    "a date as nobody writes it": f"[Mon Sep 21 14:15:00 UTC 2026] {FULL}",
}


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
@pytest.mark.parametrize("line", FORMLESS.values(), ids=FORMLESS)
def test_our_words_in_no_known_form_are_told_and_never_silence(
    tmp_path: Path, door: Door, line: str
) -> None:
    text = "\n".join([*BOOT, line, "[ 5300.000000] x"]) + "\n"
    finding = judged("conntrackfull", door(tmp_path, text))
    assert finding.verdict is Verdict.WARNING
    told = [one for one in details(finding) if "not understood who said it, and when" in one]
    assert len(told) == 1
    assert told[0].endswith(line)


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
@pytest.mark.parametrize("line", [f"[5240.138861000] {BUG}", BUG, f"[Mo Sep 21 14:15] {BUG}"])
def test_another_modules_words_in_no_known_form_are_told_too(
    tmp_path: Path, door: Door, line: str
) -> None:
    finding = judged("kernelbug", door(tmp_path, "\n".join([*BOOT, line, "x"])))
    assert finding.verdict is Verdict.WARNING


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
@pytest.mark.parametrize(
    "line",
    [
        f"Nov  6 02:39:55 h sudo[7]: bob : COMMAND=/bin/echo {STAMPED}",
        f"Nov  6 02:39:55 h kernel[12]: {STAMPED}",
        f"type=USER_CMD msg=audit(1790000000.1:7): cmd={STAMPED}",
        f"[   99.500000] audit: type=1400 msg={FULL}",
        f"               {STAMPED}",  # dmesg goes on so with a record that has a line end
        f"               login: {STAMPED}",
    ],
)
def test_what_quotes_our_words_is_not_the_kernel(tmp_path: Path, door: Door, line: str) -> None:
    text = "\n".join([*BOOT, line, "[ 5300.000000] x"]) + "\n"
    finding = judged("conntrackfull", door(tmp_path, text))
    assert finding.verdict is Verdict.OK


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
@pytest.mark.parametrize(
    "line",
    [
        f"  501  grep '{FULL}' /var/log/messages",
        f'$ dmesg | grep "{FULL}"',
        "nf_conntrack: nf_conntrack: table fu",
        f"<p>{FULL}</p>",
        "[ 5240.138861] nf_conntrack: nf_conntrack: tab[ 5240.138862] x",
    ],
)
def test_our_words_in_what_is_no_whole_record_are_counted_and_quoted(
    tmp_path: Path, door: Door, line: str
) -> None:
    finding = judged("conntrackfull", door(tmp_path, "\n".join([*BOOT, line, "x"])))
    assert finding.verdict is Verdict.UNKNOWN
    told = [one for one in details(finding) if one.startswith("not understood: 1 line holds")]
    assert len(told) == 1
    assert "nf_conntrack: nf_conntrack: tab" in told[0]


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
@pytest.mark.parametrize(
    "line", [f"$ echo {STAMPED}", f"root@h:~# {STAMPED}", f"my own login: words: {STAMPED}"]
)
def test_what_a_shell_may_have_printed_is_a_warning_at_most(
    tmp_path: Path, door: Door, line: str
) -> None:
    finding = judged("conntrackfull", door(tmp_path, "\n".join([*BOOT, line, "x"])))
    assert finding.verdict is Verdict.WARNING


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
@pytest.mark.parametrize(
    "line",
    [
        f"Nov  6 02:39:55 h kernel: {FULL}",
        f"2026-09-21T14:15:00.123456+00:00 h kernel: {FULL}",
        f"<4>Nov  6 02:39:55 h kernel: {STAMPED}",
        f"[   99.500000] h kernel: {FULL}",  # logger -t kernel, in journalctl -o short-monotonic
    ],
)
def test_a_line_of_another_form_in_a_text_is_hearsay(tmp_path: Path, door: Door, line: str) -> None:
    text = "\n".join([*BOOT, *(f"[   50.000000] eth{n}: up" for n in range(9)), line]) + "\n"
    assert graded(read(door(tmp_path, text))) == [(FULL, Grade.UNVERIFIED)]


def test_a_text_with_carriage_returns_for_line_ends_is_read(tmp_path: Path) -> None:
    text = "\r".join(
        [*BOOT, *(f"[   50.{n:06}] x" for n in range(900)), STAMPED, "[ 5300.000000] x"]
    )
    assert graded(read(by_log(tmp_path, text))) == [(FULL, Grade.TEXT)]


@pytest.mark.parametrize("colour", ["\x1b[32m", "\x00", "\ufeff"])
def test_a_text_whose_every_line_is_spoilt_is_dmesgs(tmp_path: Path, colour: str) -> None:
    text = "".join(f"{colour}{line}\r\n" for line in (*BOOT, STAMPED))
    assert graded(read(by_log(tmp_path, text))) == [(FULL, Grade.TEXT)]


def test_a_journal_with_odd_names_is_none_of_dmesgs(tmp_path: Path) -> None:
    others = [f"[   50.{n:06}] h a name of {n}[{n}]: x" for n in range(90)]
    text = "\n".join([*others, f"[   99.500000] h kernel: {FULL}"]) + "\n"
    assert graded(read(by_log(tmp_path, text))) == [(FULL, Grade.UNVERIFIED)]


@pytest.mark.parametrize("count", [9, 20, 64])
def test_each_of_many_dmesgs_decides(tmp_path: Path, count: int) -> None:
    texts = [f"[{n:5}.000000] {FULL if n == count else 'x'}" for n in range(1, count + 1)]
    paths = [saved(tmp_path, "\n".join([*BOOT, one]), f"{n}") for n, one in enumerate(texts)]
    assert graded(read(open_logs([str(path) for path in paths], WANTED))) == [(FULL, Grade.TEXT)]


def test_more_texts_than_are_told_apart_are_told(tmp_path: Path) -> None:
    paths = [saved(tmp_path, "\n".join(BOOT), f"{n}") for n in range(66)]
    host = open_logs([str(path) for path in paths], WANTED)
    assert not isinstance(host, Unreadable)
    notes = host.read("notes")
    assert isinstance(notes, Evidence)
    assert notes.text.count("one of more than 64 texts of dmesg: read as hearsay") == 2
