"""`ec2rl fix`, `undo` and a trial, on the running kernel.

Everything below /etc and /var/lib is in a mount namespace of its own; the limits of the kernel are
raised for a moment and put back, whatever happens.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ec2rl.facts.change import State, SysctlItem, Transaction
from ec2rl.facts.change_format import encode
from ec2rl.fix.machine import Machine
from support.fill import BOTH_WAYS, ESTABLISHED, Row, fill, namespace
from support.packets import let_the_kernel_log

LAUNCHER = Path(__file__).parent.parent.parent / "ec2rl"
LIMITS = Path("/proc/sys/net/netfilter")
NETNS = "ec2rl-fix"
MAX = "net.netfilter.nf_conntrack_max"

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(not shutil.which("nft"), reason="needs nft (Debian: nftables)"),
    pytest.mark.skipif(not LIMITS.exists(), reason="nf_conntrack is not loaded"),
]

HIDE = """
for folder in /etc/sysctl.d /etc/modules-load.d /etc/modprobe.d /var/lib; do
    [ ! -d "$folder" ] || mount -t tmpfs -o mode=755 none "$folder" || exit 99
done
printf '# Local.\\nnet.netfilter.nf_conntrack_max=65536\\n' > /etc/sysctl.d/50-site.conf
"""
"""A machine whose settings are its own: one foreign line that must survive."""


def limits() -> tuple[int, int]:
    most, buckets = (int((LIMITS / f"nf_conntrack_{n}").read_text()) for n in ("max", "buckets"))
    return most, buckets


@pytest.fixture
def before() -> Iterator[tuple[int, int]]:
    found = limits()
    yield found
    for name, value in zip(("buckets", "max"), found[::-1]):
        (LIMITS / f"nf_conntrack_{name}").write_text(str(value))


def script(text: str) -> str:
    """Run a shell script on a machine of its own, with `ec2rl` as a word; what it printed.

    What is printed to be typed has that word's path, and has it here as in a checkout.
    """
    done = subprocess.run(
        ["unshare", "-m", "--propagation", "private", "sh", "-c", HIDE + text],
        capture_output=True,
        text=True,
        timeout=120,
        env={"PATH": f"{LAUNCHER.parent}:/usr/sbin:/usr/bin:/sbin:/bin", "TZ": "UTC"},
        check=False,
    )
    return (done.stdout + done.stderr).replace(f"{LAUNCHER} ", "sudo ./ec2rl ")


STATE = """
echo "STATE $(cat /proc/sys/net/netfilter/nf_conntrack_max)" \\
    "$(cat /proc/sys/net/netfilter/nf_conntrack_buckets)" \\
    "$(find /etc/sysctl.d /etc/mod*.d -type f | sort | xargs sha256sum | sha256sum)"
"""

RULE = b"""
table inet ec2rl { chain out { type filter hook output priority 0; ct state new counter; }; }
"""

SENDER = """
import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
end = time.time() + float(sys.argv[1])
n = 0
while time.time() < end:
    n += 1
    try:
        s.sendto(b"x", ("127.0.0.1", 1024 + n % 60000))
    except OSError:
        pass
    time.sleep(0.02)
"""


@pytest.fixture
def losing(before: tuple[int, int]) -> Iterator[None]:
    """A namespace whose table is full of connections that nothing evicts, and loses packets."""
    rows = (
        Row(f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}", "192.0.2.1", 5000, 443, 6, ESTABLISHED,
            BOTH_WAYS, 432000)
        for i in range(before[0])
    )  # fmt: skip
    with namespace(NETNS):
        subprocess.run(["ip", "netns", "exec", NETNS, "nft", "-f", "-"], input=RULE, check=True)
        fill(NETNS, rows)
        sender = subprocess.Popen(["ip", "netns", "exec", NETNS, "python3", "-c", SENDER, "60"])
        try:
            yield
        finally:
            sender.kill()
            sender.wait()


def test_a_table_that_loses_packets_is_mended_and_the_mending_is_undone(
    before: tuple[int, int], losing: None
) -> None:
    said = script(
        STATE
        + "ec2rl fix conntrackfull --yes; echo RC $?"
        + STATE
        + "ec2rl undo --yes; echo RC $?"
        + STATE
        + "cat /etc/sysctl.d/50-site.conf"
    )
    states = re.findall(r"^STATE (\d+) (\d+) (\w+)", said, re.MULTILINE)
    assert re.findall(r"^RC (\d+)$", said, re.MULTILINE) == ["0", "0"], said
    assert (int(states[1][0]), int(states[1][1])) == (2 * before[0], 2 * before[0])
    assert states[1] != states[0]
    assert states[2] == states[0], "every value and every byte is as before"
    words = (
        r"^Need: ([\d,]+) entries, which the present load of ec2rl-fix\S* \(netns \d+.*"
        r"\(by a census"
    )
    need = re.search(words, said, re.MULTILINE)
    assert need is not None, said
    assert before[0] <= int(need[1].replace(",", "")) < before[0] * 1.01
    lost = re.search(
        r"^It helped: packets lost ([\d.,e+]+)/s before, 0/s after\.$", said, re.MULTILINE
    )
    assert lost is not None, said
    assert float(lost[1].replace(",", "")) > 0
    assert "# Local.\nnet.netfilter.nf_conntrack_max=65536\n" in said
    assert limits() == before


IN_ANOTHER_TIME = "unshare --time --fork --monotonic {} --boottime {} "


@pytest.mark.parametrize("within", ["", IN_ANOTHER_TIME.format(10**6, 10**6)], ids=["", "timens"])
def test_remediate_mends_what_failed_and_a_new_line_is_a_failure_again(
    before: tuple[int, int], losing: None, within: str
) -> None:
    """A time namespace, whose clocks tell another uptime, makes no difference to what is older."""
    run = f"{within}ec2rl run -v --only-modules=conntrackfull"
    let_the_kernel_log()
    said = script(
        f"{run} --remediate; echo RC $?; ec2rl history\n"
        f"{run}; echo RC $?\n"
        f"echo {before[0]} > /proc/sys/net/netfilter/nf_conntrack_max; sleep 2\n"
        f"{run}; echo RC $?; ec2rl undo --yes; echo RC $?\n"
    )
    parts = re.split(r"^RC (\d+)$", said, flags=re.MULTILINE)
    assert parts[1::2] == ["0", "0", "1", "0"], said
    past = r"occurrences? before the change of .* \(ec2rl history: 1\), none since"
    for part in parts[0], parts[2]:
        # Not always SUCCESS: another table of this machine may be near its end meanwhile.
        assert re.search(r"conntrackfull +\[(SUCCESS|WARN)\] ", part), said
        assert re.search(past, part), said
    assert (
        "-- [FIXED] Give the connection-tracking table room; to take it back: sudo ./ec2rl undo 1\n"
    ) in parts[0]
    assert (
        f"-- Changed: net.netfilter.nf_conntrack_max: {before[0]:,} -> {2 * before[0]:,}\n"
        in parts[0]
    )
    assert "  applied  run --remediate, conntrackfull" in parts[2]
    assert re.search(r"\[FAILURE\] Conntrack table full errors found\. \d+ occ", parts[4]), said
    by_hand = f"nf_conntrack_max is {before[0]} by now, and it had set {2 * before[0]}"
    assert f"-- Change 1 (ec2rl history) settles no line: {by_hand}\n" in parts[4], said
    assert "net.netfilter.nf_conntrack_max: left alone: as before the change" in parts[6]
    assert limits() == before


def test_a_line_after_the_change_is_new_whatever_the_clocks_say(
    before: tuple[int, int], losing: None, tmp_path: Path
) -> None:
    """Of a record dated in the future, seen from time namespaces that are ahead and behind."""
    setting = SysctlItem(MAX, str(before[0] // 2), str(before[0]), str(before[0]), log_end())
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    change = Transaction(1, State.APPLIED, "", time.time() + 10**7, boot, "2", (setting,))
    (tmp_path / "1.json").write_bytes(encode(change))
    let_the_kernel_log()
    run = "ec2rl run --only-modules=conntrackfull --interval=0; echo RC $?\n"
    said = script(
        f"mkdir -m 700 -p /var/lib/ec2rl/changes; cp {tmp_path}/1.json /var/lib/ec2rl/changes\n"
        "sleep 2\n"
        + run
        + IN_ANOTHER_TIME.format(10**7, 10**7)
        + run
        + IN_ANOTHER_TIME.format(-5, -5)
        + run
    )
    assert re.findall(r"^RC (\d+)$", said, re.MULTILINE) == ["1", "1", "1"], said
    assert len(re.findall(r"\[FAILURE\] Conntrack table full errors found", said)) == 3, said


def log_end() -> int:
    newest = Machine().log_end()
    assert newest is not None
    return newest


KILLED = """
ec2rl fix conntrackfull --set max={most} --try=5 --yes > /dev/null 2>&1 & starter=$!
while [ "$(cat /proc/sys/net/netfilter/nf_conntrack_max)" != {most} ]; do sleep 0.05; done
pkill -KILL -P $starter; kill -KILL $starter
"""
"""The launcher becomes Python by exec, or starts it: both are killed."""


@pytest.mark.parametrize("killed", [False, True])
def test_a_trial_that_is_not_confirmed_takes_itself_back_though_its_session_is_gone(
    before: tuple[int, int], killed: bool
) -> None:
    most = 2 * before[0]
    start = f"setsid ec2rl fix conntrackfull --set max={most} --try=5 --yes > /dev/null\n"
    said = script(
        (KILLED.format(most=most) if killed else start)
        + STATE
        + "ec2rl history; sleep 7\n"
        + STATE
        + "ec2rl history"
    )
    states = re.findall(r"^STATE (\d+) (\d+)", said, re.MULTILINE)
    assert [int(state[0]) for state in states] == [most, before[0]], said
    lines = re.findall(r"^1  .* \+0000  (.*)$", said, re.MULTILINE)
    assert re.fullmatch(r"applied, on trial until [\d:]{8}  fix conntrackfull", lines[0]), said
    assert lines[1:] == ["undone  fix conntrackfull"]


def test_a_trial_that_is_confirmed_stays(before: tuple[int, int]) -> None:
    said = script(
        f"ec2rl fix conntrackfull --set max={2 * before[0]} --try=5 --yes\n"
        "ec2rl keep 1; ec2rl keep 1; sleep 7\n" + STATE + "ec2rl undo --yes\n" + STATE
    )
    states = re.findall(r"^STATE (\d+) (\d+)", said, re.MULTILINE)
    assert [int(state[0]) for state in states] == [2 * before[0], before[0]], said
    assert "change 1 stays already: it is not on trial\n" in said
    assert f"fix conntrackfull --persist-only --set buckets={2 * before[0]} --set max=" in said


def test_without_a_terminal_and_without_yes_nothing_is_changed(before: tuple[int, int]) -> None:
    said = script(
        STATE + f"ec2rl fix conntrackfull --set max={2 * before[0]} < /dev/null; echo RC $?" + STATE
    )
    states = re.findall(r"^STATE .*$", said, re.MULTILINE)
    assert states[0] == states[1]
    assert "nothing was changed: there is no terminal to ask on" in said
    assert "RC 1" in said


def test_the_fixed_numbers_of_the_page_are_refused_with_the_reason(
    before: tuple[int, int],
) -> None:
    if before[0] <= 131072:
        pytest.skip("this host has no more than the page's numbers")
    said = script(
        STATE
        + "ec2rl fix conntrackfull --set max=131072 --set buckets=32768 --yes; echo RC $?"
        + STATE
    )
    states = re.findall(r"^STATE .*$", said, re.MULTILINE)
    assert states[0] == states[1]
    assert f"is below today's {before[0]:,}: it would SHRINK the table" in said
    assert "RC 1" in said


def test_a_container_is_told_to_set_it_on_the_host(before: tuple[int, int]) -> None:
    said = script(f"unshare -n ec2rl fix conntrackfull --set max={2 * before[0]} --yes; echo RC $?")
    assert "set it on the host" in said, said
    assert f"sysctl -w net.netfilter.nf_conntrack_max={2 * before[0]}" in said
    assert "RC 1" in said
    assert limits() == before
