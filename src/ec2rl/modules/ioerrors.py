"""A disk answered with errors, or not in time: its data cannot be read or written."""

from __future__ import annotations

from ec2rl.diagnosis.device_events import (
    REMOVALS,
    Use,
    device_facts,
    find_device_events,
    harmless,
    read_use,
)
from ec2rl.diagnosis.events import AnothersEvent
from ec2rl.diagnosis.finding import DiagnosisText, judge_events
from ec2rl.diagnosis.kernel_log import commands_of
from ec2rl.diagnosis.observations import Observations
from ec2rl.facts import disk_words
from ec2rl.facts.block_devices import volume
from ec2rl.facts.disk_words import DiskError, What
from ec2rl.facts.log import KernelLog
from ec2rl.facts.proc import number
from ec2rl.host import ERR, WARNING, Host, Phrase
from ec2rl.model import Evidence, Finding, Statement, say
from ec2rl.module import Module, Options
from ec2rl.record import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ec2rl.model import Fact

NAME = "ioerrors"
EVENTS = (
    # block/blk-core.c and blk-mq.c, KERN_ERR; `critical medium error`, `timeout error` too.
    Phrase(b" error, dev ", level=ERR, messages=("I/O error, dev a, sector 1",)),
    # fs/buffer.c, KERN_ERR.
    Phrase(b"Buffer I/O error on dev", recent=True, level=ERR),
    # drivers/nvme/host/pci.c and core.c, 4.4 to 6.18: dev_warn(), and dev_err() for a dead one.
    Phrase(b" QID ", recent=True, level=WARNING),
    Phrase(b"controller is down; will reset", recent=True, level=WARNING),
    Phrase(b"Device not ready; aborting ", recent=True, level=ERR),
    Phrase(b"Disabling device after reset failure", recent=True, level=WARNING),
    Phrase(b"Removing after probe failure", recent=True, level=WARNING),
)
PHRASES = (*EVENTS, *REMOVALS)
_TEXT = DiagnosisText(
    found="I/O errors found", none="No I/O errors found.", question="a disk has failed"
)
_EBS = "Amazon Elastic Block Store"
DEFAULT = 30000
"""Milliseconds that a request may take where nobody says otherwise (nvme_core.io_timeout)."""
_NAMED = 3
_WEAK = (What.TIMEOUT, What.LATE)


@record(frozen=True)
class Seen:
    """The log's events, what is mounted now, the volumes' ids, and EBS disks at the default."""

    log: Observations[DiskError]
    use: Use
    ids: Mapping[str, str] = {}
    impatient: tuple[str, ...] = ()


def parse(message: str) -> DiskError | AnothersEvent | None:
    """Parse a message of a disk; what is no fault of one is another's event."""
    found = disk_words.parse(message)
    return AnothersEvent() if found is not None and found.what is What.NOTHING else found


def read(host: Host, log: KernelLog, options: Options) -> Seen:
    """Look at the log, at what is mounted, and how long EBS disks may take for a request."""
    events = find_device_events(log, EVENTS, parse)
    use = read_use(host, log, events)
    impatient = tuple(_impatient(host)) if host.is_live else ()
    notes = [_told_impatient(impatient)] if impatient else []
    seen = Observations(
        log,
        events,
        options.period,
        harmless=harmless(use, events, _why_harmless),
        notes=tuple(notes),
        level=WARNING,
    )
    devices = {one.detail.device for one in events.newest} | set(impatient)
    ids = {one: found for one in sorted(devices) if (found := _id(host, one))}
    return Seen(seen, use, ids, impatient)


def _why_harmless(error: DiskError) -> Statement | None:
    if error.what in _WEAK:
        return say("requests took too long, and were answered in the end")
    return None


def _id(host: Host, device: str) -> str:
    """The volume of a disk; of a controller, that of its first namespace."""
    return volume(host, device) or volume(host, f"{device}n1")


def _impatient(host: Host) -> Iterator[str]:
    """The EBS disks whose requests may take no longer than the default."""
    names = host.names("/sys/block")
    for name in names if isinstance(names, tuple) else ():
        if name.startswith("nvme"):
            model = host.read(f"/sys/block/{name}/device/model")
            is_ebs = isinstance(model, Evidence) and model.text.strip() == _EBS
            if is_ebs and number(host, f"/sys/block/{name}/queue/io_timeout") == DEFAULT:
                yield name


def _told_impatient(disks: tuple[str, ...]) -> Statement:
    words = (
        "Note: io_timeout of {disks} is 30000 ms: an EBS volume that is away for longer makes "
        "errors, and file systems read-only; AWS recommends the maximum"
    )
    return say(words, disks=disks[:_NAMED])


def judge(seen: Seen) -> Finding:
    """Judge by the log's events: errors and resets, then what took too long."""
    text = replace(_TEXT, found=_found(seen), advice=tuple(_advice(seen)))
    finding = judge_events(NAME, seen.log, text)
    facts: dict[str, Fact] = {
        **finding.facts,
        "devices": device_facts(_devices(seen), seen.use, seen.ids),
        "io_timeout_default": list(seen.impatient),
    }
    return replace(finding, facts=facts)


def _devices(seen: Seen) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.detail.device for one in seen.log.events.newest))


def _found(seen: Seen) -> str:
    """Name the disks, their volumes, and what is mounted from them."""
    devices = _devices(seen)
    events = seen.log.events.newest
    is_weak = bool(events) and all(one.detail.what in _WEAK for one in events)
    found = "I/O timeouts found" if is_weak else _TEXT.found
    if not devices:
        return found
    named = []
    for one in devices[:_NAMED]:
        beside = [*filter(None, [seen.ids.get(one, "")]), *seen.use.of(one)[:_NAMED]]
        named.append(one + (f" ({', '.join(beside)})" if beside else ""))
    more = f" and {len(devices) - _NAMED} more" if len(devices) > _NAMED else ""
    return f"{found}: {', '.join(named)}{more}"


def _advice(seen: Seen) -> Iterator[Statement]:
    """What to do for these very disks."""
    devices = _devices(seen)
    if seen.log.events.this_boot and all(map(seen.use.is_past, devices)):
        words = "What helps: nothing, if {devices: and } went on purpose; unmount before detaching"
        yield say(words, devices=devices[:_NAMED])
        return
    ids = tuple(seen.ids[one] for one in devices if one in seen.ids)[:_NAMED]
    if ids:
        words = "What helps: aws ec2 describe-volume-status --volume-ids {ids}; a snapshot of it"
        yield say(words, ids=" ".join(ids))
    else:
        words = (
            "What helps: look at the volume's and the instance's status checks, take a snapshot; "
            "an instance store disk that fails is replaced by a stop and a start"
        )
        yield say(words)
    if any(disk.startswith(one) or one.startswith(disk) for disk in seen.impatient
           for one in devices):  # fmt: skip
        words = "Until the next boot: echo 4294967295 > /sys/block/{disk}/queue/io_timeout"
        yield say(words, disk=seen.impatient[0])


MODULE = Module(
    name=NAME,
    title="No disk answers with errors, or too late",
    domain="os",
    phrases=PHRASES,
    read=read,
    judge=judge,
    needs="root, for the kernel log",
    by_hand=lambda _: commands_of(NAME),
)
