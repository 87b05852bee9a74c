"""A file system has features that this kernel does not know, and so it is not mounted."""

from __future__ import annotations

from ec2rl.diagnosis.finding import DiagnosisText
from ec2rl.diagnosis.kernel_log import kernel_log_module
from ec2rl.facts.log import LogLine
from ec2rl.facts.trace import Trace
from ec2rl.host import WARNING, Host, Phrase
from ec2rl.model import Evidence, Finding, Verdict, helps, say, see_page
from ec2rl.module import Options
from ec2rl.record import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.facts.log import KernelLog
    from ec2rl.facts.newer_features import NewerFeatures

NAME = "newerfs"


@record(frozen=True)
class Seen:
    """What the kernel said; of a volume the features that its newest kernel does not know."""

    told: object
    newer: tuple[str, ...] = ()
    kind: str = ""
    kernel: str = ""


def read(host: Host, log: KernelLog, options: Options) -> Seen:
    """Read the log; of a volume what its root file system has, and which kernels are there."""
    told = _OF_LOG.read(host, log, options)
    if host.is_live:
        return Seen(told)
    from ec2rl.facts.newer_features import newer_than, version_of
    from ec2rl.host.queries.root_features import RootFeatures

    answer = host.query(RootFeatures())
    names = host.names("/lib/modules")
    if not isinstance(answer, Evidence) or not isinstance(names, tuple):
        return Seen(told)
    kernels = [(version, name) for name in names if (version := version_of(name)) is not None]
    said = dict(line.partition(": ")[::2] for line in answer.text.split("\n"))
    try:
        bits = int(said["incompat"], 16), int(said["ro"], 16)
    except (KeyError, ValueError):
        return Seen(told)
    if not kernels:
        return Seen(told)
    version, name = max(kernels)
    kind = said.get("kind", "")
    return Seen(told, newer_than(version, kind, *bits), kind, name)


def judge(seen: Seen) -> Finding:
    """Judge by what the kernel said; then by what a volume's newest kernel does not know."""
    finding = _OF_LOG.judge(seen.told)
    if not seen.newer or finding.verdict in (Verdict.PROBLEM, Verdict.WARNING):
        return finding
    words = (
        "The root file system ({kind}) has what its newest kernel {kernel} may not know: {new:, }"
    )
    said = say(words, kind=seen.kind, kernel=seen.kernel, new=seen.newer)
    how = helps(say("What helps: a newer kernel there; a distribution may know a feature earlier"))
    return replace(finding, verdict=Verdict.WARNING, summary=said, details=(how, see_page(NAME)))


def parse_line(line: LogLine, trace: Trace) -> NewerFeatures | None:
    """Parse one whole message of the kernel."""
    from ec2rl.facts.newer_features import parse

    return parse(line.message)


_WHOLE = (
    "EXT4-fs (nvme1n1p1): couldn't mount RDWR because of unsupported optional features (400)",
    "EXT4-fs (nvme1n1p1): Couldn't mount because of unsupported optional features (2000)",
    "XFS (nvme1n1p1): Superblock has unknown incompatible features (0x8) enabled.",
    "XFS (nvme1n1p1): Superblock has unknown read-only compatible features (0x8) enabled.",
    "BTRFS error (device nvme1n1p1): cannot mount because of unknown incompat features (0x800)",
)
_OF_LOG = kernel_log_module(
    name=NAME,
    title="The kernel knows the features of every file system",
    domain="os",
    phrases=(Phrase(b" features (", level=WARNING, messages=_WHOLE),),
    parse=parse_line,
    text=DiagnosisText(
        found="File systems that are too new for this kernel found",
        none="No file system was too new for this kernel.",
        question="a file system is too new for this kernel",
        advice=(
            say(
                "What helps: start a kernel that knows these features (the version stands behind "
                "each), or read it on a machine that has one; no fsck of an older system"
            ),
        ),
    ),
)
MODULE = replace(_OF_LOG, read=read, judge=judge)
