"""A scene of changes and lines: 131072 raised to 262144 a little after two table-full lines."""

from __future__ import annotations

from pathlib import Path

from ec2rl.facts.change import FileItem, Image, State, SysctlItem, Transaction
from ec2rl.facts.change_format import encode
from ec2rl.facts.kernel_log import read_kernel_log
from ec2rl.host.recording import RecordedHost, sections
from ec2rl.model import Finding, Verdict
from ec2rl.module import Options
from ec2rl.modules.conntrackfull import MODULE
from ec2rl.report.wording import details

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

CASE = Path(__file__).parent.parent / "modules/conntrackfull/settled_by_a_fix.case"
MAX = "net.netfilter.nf_conntrack_max"
IDLE = "net.netfilter.nf_conntrack_tcp_timeout_established"
BUCKETS = "net.netfilter.nf_conntrack_buckets"
NOW = "/proc/sys/net/netfilter/nf_conntrack_max"
BOOT_ID = "/proc/sys/kernel/random/boot_id"
BOOT = "11111111-1111-1111-1111-111111111111"
FOLDER = "/var/lib/ec2rl/changes"
FULL = "nf_conntrack: nf_conntrack: table full, dropping packet"
BEFORE, END, AFTER = 3_601_000_000, 3_700_000_000, 3_800_000_000
"""Stamps, in µs since boot: the last line, the end of the log at the change, and later."""
TRIAL, TRIAL_OVER = 3_500_000_000, 3_550_000_000
"""Of a change before that, and of its way back."""

DROP_IN = FileItem("/etc/sysctl.d/99-x.conf", None, Image(b"", 0o644, 0, 0, None))


def raised(before: int = 131072, after: int = 262144, log_end: int | None = END) -> SysctlItem:
    return SysctlItem(MAX, str(before), str(after), str(after), log_end)


def change(*items: SysctlItem | FileItem, number: int = 1) -> Transaction:
    return Transaction(number, State.APPLIED, "fix", 1795410000.0, BOOT, "2", items)


RAISE = change(raised())


def finding(*changes: Transaction, **looks: str | None) -> Finding:
    """Judge the scene with these changes; `looks` replace what else is seen (None: not there)."""
    return judged(changes, looks, 1.0)


def scene() -> dict[str, str]:
    seen = sections(CASE.read_text(encoding="utf-8"))[1]
    del seen["expect"], seen[f"{FOLDER}/1.json"]
    return seen


def judged(
    changes: Iterable[Transaction], looks: Mapping[str, str | None], sample: float
) -> Finding:
    seen = scene()
    seen.update((f"{FOLDER}/{one.id}.json", encode(one).decode()) for one in changes)
    for name, text in looks.items():
        key = {"maximum": NOW, "boot": BOOT_ID, "log": "/dev/kmsg"}.get(name, name)
        seen.pop(key, None)
        if text is not None:
            seen[key] = text
    return found_in(seen, sample)


def found_in(looks: Mapping[str, str], sample: float = 1.0) -> Finding:
    host = RecordedHost(looks)
    log = read_kernel_log(host, MODULE.phrases)
    return MODULE.judge(MODULE.read(host, log, Options(sample)))


def log_of(*stamps: int, first: int = 0) -> str:
    return "\n".join(f"4,{first + n},{at},-;{FULL}" for n, at in enumerate(stamps))


def is_settled(found: Finding) -> bool:
    assert found.verdict in (Verdict.OK, Verdict.PROBLEM)
    return found.verdict is Verdict.OK


def why(found: Finding) -> str:
    """The one line that says why a change settles nothing."""
    (line,) = [line for line in details(found) if "settles no line" in line]
    return line.partition("settles no line: ")[2]
