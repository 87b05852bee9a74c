"""A file system has no room left, or no inodes: what is written to it is lost."""

from __future__ import annotations

from ec2rl.diagnosis.coverage import moment
from ec2rl.diagnosis.kernel_log import commands_of
from ec2rl.facts.block_devices import volume
from ec2rl.facts.disk_words import LOOPS, is_loop_unwritten
from ec2rl.facts.log import LOG_FOLDER, KernelLog
from ec2rl.facts.space import (
    INODES,
    ROOM,
    Deleted,
    FileSystem,
    below_loop,
    parse_deleted,
    parse_space,
)
from ec2rl.host import CONSOLES, DMESGS, JOURNALCTLS, Host, Phrase
from ec2rl.host.queries.space import Space
from ec2rl.model import (
    Command,
    Evidence,
    Finding,
    Role,
    Statement,
    Unreadable,
    Verdict,
    Why,
    helps,
    more,
    next_step,
    say,
    see_page,
)
from ec2rl.module import Module, Options
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ec2rl.model import Fact

NAME = "diskfull"
_WORDS = "o space left on device"  # strerror(ENOSPC), and Go's in small letters
PHRASES = (Phrase(_WORDS.encode(), recent=True), *LOOPS)
_NOT_DISKS = r"inotify|\bwatch(?:e[sr])?\b|cgroup|\bsem(?:get|op|aphore)|shmget|keyctl|\bbpf"
"""What the same errno says of other things: watches, control groups, semaphores, keys."""
_NEEDED = ("/", "/var", "/tmp", "/boot", "/home", "/usr", "/opt", "/root", "/srv")  # noqa: S108
"""Without room on these, or below /var, the system itself or its logins fail."""
_NEARLY = 0.9
_DF = {
    what: Command(words, root=False, own=False)
    for what, words in ((ROOM, "df -h > FILE"), (INODES, "df -i > FILE"))
}
_LOGS = ("messages", "syslog", "kern")
_NAMED = 3
_QUOTE = 160


@record(frozen=True)
class Said:
    """A line that says that there was no room, and where it stood; `when` as `{when:time}` has it.

    Of the kernel's own lines it is known who said them (`is_kernels`).
    """

    text: str
    place: str
    when: float | str | None = None
    is_kernels: bool = False


@record(frozen=True)
class Seen:
    """How full file systems are, who holds deleted files on full ones, and what the log says.

    `loops` are loop devices whose files lie on a full one, each with its folder; `ids` volumes of
    full ones by device.  Of a machine that is not there its df told, or a volume that is mounted
    here.
    """

    spaces: tuple[FileSystem, ...] | Unreadable
    lines: tuple[Said, ...] = ()
    deleted: tuple[Deleted, ...] = ()
    loops: tuple[tuple[str, str], ...] = ()
    ids: tuple[tuple[str, str], ...] = ()
    unread: tuple[Unreadable, ...] = ()
    is_live: bool = True
    by_df: bool = False


def read(host: Host, log: KernelLog, options: Options) -> Seen:
    """Ask file systems for their room; where one lacks it, look who holds deleted files."""
    found = host.query(Space())
    lines = tuple(
        Said(one.message, one.sources[0], moment(one), one.trusted)
        for one in log.lines
        if _is_of_disk(one.message) and (one.trusted or not is_loop_unwritten(one.message))
    )
    if isinstance(found, Unreadable):
        lines = lines or tuple(_of_programs(host))
        saved = () if host.is_live else _saved(host)
        return Seen(saved or found, lines, is_live=host.is_live, by_df=bool(saved))
    spaces = parse_space(found.text)
    short = [one for one in spaces if _is_short(one)]
    if not short or not host.is_live:
        return Seen(spaces, lines, is_live=host.is_live)
    from ec2rl.host.queries.deleted_files import DeletedFiles

    answer = host.query(DeletedFiles())
    return Seen(
        spaces,
        lines,
        _on(host, parse_deleted(answer.text), short) if isinstance(answer, Evidence) else (),
        tuple(_loops(host, spaces)),
        tuple((one.device, found_id) for one in short if (found_id := _id(host, one))),
        (answer,) if isinstance(answer, Unreadable) else (),
    )


def _saved(host: Host) -> tuple[FileSystem, ...]:
    from ec2rl.facts.df import read_df

    return read_df(host)


def _is_of_disk(text: str) -> bool:
    """Whether a line says that a disk had no room: programs say the same of other things."""
    if is_loop_unwritten(text):
        return True
    if _WORDS not in text:
        return False
    import re

    return re.search(_NOT_DISKS, text, re.IGNORECASE) is None


def _of_programs(host: Host) -> Iterator[Said]:
    """What programs said of it in the texts that somebody saved: the kernel says it seldom."""
    names = host.names(LOG_FOLDER)
    logs = [one for one in names if one.startswith(_LOGS)] if isinstance(names, tuple) else []
    paths = (DMESGS[0], CONSOLES[0], JOURNALCTLS[0], *(f"{LOG_FOLDER}/{one}" for one in logs))
    if host.is_live:
        return
    for found in host.search(paths, PHRASES[:1]):
        if not isinstance(found, Unreadable):
            said = (one.text for one in found.lines if one.hit and _is_of_disk(one.text))
            yield from (Said(text, found.path) for text in said)


def _is_short(one: FileSystem) -> bool:
    """Whether a file system lacks something, or nearly: what is read-only needs none."""
    if one.fault or one.is_read_only:
        return False
    is_full = one.lacks_room or one.lacks_inodes
    return is_full or one.used >= _NEARLY or one.inodes_used >= _NEARLY


def _id(host: Host, one: FileSystem) -> str:
    return volume(host, one.device.rpartition("/")[2])


def _on(host: Host, files: Sequence[Deleted], short: Sequence[FileSystem]) -> tuple[Deleted, ...]:
    """The deleted files that lie on one of these file systems, by the number of its device."""
    if not files:
        return ()
    from ec2rl.facts.block_devices import numbers_of

    numbers = numbers_of(host, {one.folder for one in short})
    return tuple(one for one in files if one.number in numbers)


def _loops(host: Host, spaces: Sequence[FileSystem]) -> Iterator[tuple[str, str]]:
    """The loop devices that are mounted, and whose files lie on a file system without room."""
    for one in spaces:
        name = one.device.rpartition("/")[2]
        if name.startswith("loop"):
            below = below_loop(host, name, spaces)
            if below is not None and below.lacks_room:
                yield name, one.folder


def judge(seen: Seen) -> Finding:
    """Judge by what the file systems say now; without that, by what the log says."""
    if isinstance(seen.spaces, Unreadable):
        return _by_log(seen, seen.spaces)
    asked = [one for one in seen.spaces if not one.fault and not one.is_read_only]
    hung = [one for one in seen.spaces if one.fault]
    full = [one for one in asked if _is_short(one) and (one.lacks_room or one.lacks_inodes)]
    needed = [one for one in full if _is_needed(one.folder)]
    nearly = [one for one in asked if _is_short(one) and one not in full]
    details = [*_held(seen), *_consequences(seen)]
    unread = [say("Not asked: {folder}: {why}", folder=one.folder, why=one.fault) for one in hung]
    facts = _facts(seen)
    worst = [*needed, *(one for one in full if one not in needed), *nearly]
    if worst:
        details += [_told(one) for one in worst[1 : _NAMED + 1]]
        advice = [helps(one) for one in _advice(seen, worst)]
        verdict = Verdict.PROBLEM if needed else Verdict.WARNING
        rest = (*details, *unread, *map(more, _said(seen)), *advice, see_page(NAME))
        return Finding(verdict, _told(worst[0]), rest, facts=facts)
    odd = [one for one in asked if one.unknown]
    if odd and not hung:
        words = (
            "Cannot tell whether a file system is full: nothing tells of the {what} of {folders}"
        )
        folders = tuple(one.folder for one in odd[:_NAMED])
        missing = say(words, what=odd[0].unknown, folders=folders)
        words = "Next: on that machine {df}, and name that file beside this one"
        tell = next_step(words, df=_DF[odd[0].unknown])
        return Finding(Verdict.UNKNOWN, missing, (*unread, tell), facts=facts)
    if hung or not asked:
        words = "Cannot tell whether a file system is full: {why}"
        why = say("no file system of a disk that can be written is mounted here")
        if hung:
            folders = tuple(one.folder for one in hung[:_NAMED])
            why = say("{folders}: {why}", folders=folders, why=hung[0].fault)
        return Finding(Verdict.UNKNOWN, say(words, why=why), (*unread, see_page(NAME)), facts=facts)
    fullest = max(asked, key=lambda one: max(one.used, one.inodes_used))
    words = "All {n:file system} of disks have room: the fullest is {folder} with {share:%}."
    if len(asked) == 1:
        words = "There is room on {folder}: {share:%} is used."
    share = max(fullest.used, fullest.inodes_used)
    said = say(words, n=len(asked), folder=fullest.folder, share=share)
    names = tuple(one.folder for one in asked[:8])
    who = "df" if seen.by_df else "statvfs"
    proof = Statement("Rests on: {who} of {folders:, }", {"who": who, "folders": names}, Role.PROOF)
    return Finding(Verdict.OK, said, (proof, *map(more, _said(seen))), facts=facts)


def _is_needed(folder: str) -> bool:
    return folder in _NEEDED or folder.startswith(("/var/", "/home/"))


def _told(one: FileSystem) -> Statement:
    """Say what a file system lacks, of how much."""
    words = "{folder} ({device}) is at {share:%}: {available:size} of {size:size} left"
    if one.lacks_room:
        words = "{folder} ({device}) {is} full: 0 of {size:size} left for users"
        words += ", {free:size} for root alone" if one.free else ""
    elif one.lacks_inodes:
        words = "{folder} ({device}) has no inodes left: all {inodes:,} are files, {available:size}"
        words += " of room {is} of no use"
    elif one.inodes_used > one.used:
        words = "{folder} ({device}) is at {share:%} of its inodes: {inodes_free:,} left"
    return say(
        words,
        folder=one.folder,
        device=one.device,
        share=max(one.used, one.inodes_used),
        available=one.available,
        size=one.size,
        free=one.free,
        inodes=one.inodes,
        inodes_free=one.inodes_free,
    )


def _held(seen: Seen) -> Iterator[Statement]:
    """Who holds deleted files there: their room comes back when they are closed."""
    for one in seen.deleted[:_NAMED]:
        words = "{size:size} of that is a deleted file that {task} ({pid}) has open: {path}"
        words += ", in {unit}" if one.unit else ""
        yield say(words, size=one.size, task=one.task, pid=one.pid, path=one.path, unit=one.unit)
    for lost in seen.unread:
        yield say("Not read: {unread}", unread=lost)


def _consequences(seen: Seen) -> Iterator[Statement]:
    for name, folder in seen.loops[:_NAMED]:
        words = "{name} ({folder}) is a file on it, and cannot be written either: a consequence"
        yield say(words, name=name, folder=folder)


def _said(seen: Seen) -> Iterator[Statement]:
    """What the log has of it: the last line, and how many."""
    if seen.lines:
        last = seen.lines[-1]
        words = "The log has {n:line} of it, the last in {place}: {quote}"
        if last.when is not None:
            words = "The log has {n:line} of it, the last at {when:time} in {place}: {quote}"
        quote = last.text.strip()[:_QUOTE]
        yield say(words, n=len(seen.lines), when=last.when, place=last.place, quote=quote)


def _by_log(seen: Seen, unread: Unreadable) -> Finding:
    """Judge where no file system could be asked: a line tells that one was full, none proves it."""
    notes = [*_said(seen)]
    if not seen.lines:
        words = "Cannot tell whether a file system is full: {why}"
        why: Statement | Unreadable = unread
        if unread.why is Why.NOT_COLLECTED and not unread.detail:
            why = say("nobody recorded how full they were (df)")
        how = next_step("Next: {collect_all}")
        return Finding(Verdict.UNKNOWN, say(words, why=why), (how,), facts=_facts(seen))
    is_loop = all(is_loop_unwritten(one.text) for one in seen.lines)
    words = "A file system was full: {quote} (how full they are is not known)"
    if is_loop:
        words = "A file system below a loop device was full, or failed: {quote}"
    elif not any(one.is_kernels for one in seen.lines):
        words = "A file system was full: {quote} (not verified; how full they are is not known)"
    said = say(words, quote=seen.lines[-1].text.strip()[:_QUOTE])
    how = helps(say("What helps: df -h and df -i there tell which one"))
    return Finding(Verdict.WARNING, said, (*notes, how, see_page(NAME)), facts=_facts(seen))


def _advice(seen: Seen, worst: Sequence[FileSystem]) -> Iterator[Statement]:
    """What to do for this very file system."""
    one = worst[0]
    units = tuple(dict.fromkeys(file.unit for file in seen.deleted if file.unit))
    if units:
        yield say("What helps: systemctl restart {units} (closes the deleted files)",
                  units=" ".join(units[:_NAMED]))  # fmt: skip
    is_volume = not (seen.is_live or seen.by_df)
    folder = "FOLDER" if is_volume else one.folder
    if one.lacks_inodes or (one.inodes_used > one.used and not one.lacks_room):
        words = "{then}: find where they are: du --inodes -x {folder} | sort -n | tail"
    else:
        words = "{then}: find what is large: du -x {folder} | sort -n | tail"
        if one.folder in ("/", "/var", "/var/log", "/var/log/journal"):
            words += "; journalctl {where}--vacuum-size=200M makes room at once"
    if is_volume:
        words += " (FOLDER is where the volume is mounted)"
    where = "-D FOLDER/var/log/journal " if is_volume else ""
    then = "And then" if units else "What helps"
    yield say(words, then=then, folder=folder, where=where)
    volume_id = dict(seen.ids).get(one.device, "")
    if volume_id:
        words = "Or grow it: aws ec2 modify-volume --volume-id {id} --size GiB, then growpart and "
        words += "xfs_growfs" if one.kind == "xfs" else "resize2fs"
        yield say(words, id=volume_id)


def _facts(seen: Seen) -> dict[str, Fact]:
    spaces = () if isinstance(seen.spaces, Unreadable) else seen.spaces
    return {
        "file_systems": [
            {
                "folder": one.folder,
                "device": one.device,
                "kind": one.kind,
                "size": None if one.fault or one.unknown == ROOM else one.size,
                "available": None if one.fault or one.unknown == ROOM else one.available,
                "inodes": None if one.fault or one.unknown == INODES else one.inodes,
                "inodes_free": None if one.fault or one.unknown == INODES else one.inodes_free,
            }
            for one in spaces
        ],
        "deleted": [
            {"path": one.path, "size": one.size, "pid": one.pid, "task": one.task, "unit": one.unit}
            for one in seen.deleted
        ],
        "lines": len(seen.lines),
    }


MODULE = Module(
    name=NAME,
    title="File systems have room and inodes left",
    domain="os",
    phrases=PHRASES,
    read=read,
    judge=judge,
    needs="root, to see who holds deleted files",
    by_hand=lambda _: commands_of(NAME),
)
