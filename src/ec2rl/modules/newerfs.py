"""A file system has features that this kernel does not know, and so it is not mounted."""

from __future__ import annotations

from ec2rl.diagnosis.finding import DiagnosisText
from ec2rl.diagnosis.kernel_log import kernel_log_module
from ec2rl.facts.log import LogLine
from ec2rl.facts.trace import Trace
from ec2rl.host import WARNING, Phrase
from ec2rl.model import say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.facts.newer_features import NewerFeatures


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
MODULE = kernel_log_module(
    name="newerfs",
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
