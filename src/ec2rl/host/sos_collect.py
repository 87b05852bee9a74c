"""The members of a sosreport as the looks that they answer."""

from __future__ import annotations

import time
from collections.abc import Sequence
from operator import le
from posixpath import dirname, join, normpath

from ec2rl import slices
from ec2rl.host import ABOUT_TEXTS, BEGINNING, BOOT_ID, DMESGS, Clock, Journal, Phrase, Search
from ec2rl.host.holes import hole
from ec2rl.host.packed import Packed, Stream
from ec2rl.host.saved_journal import Together
from ec2rl.host.scan import cost
from ec2rl.host.search import Budget, search_files, search_stream
from ec2rl.host.sos_layout import BOOTS_DMESG, HOST, NETNS, TOPS, Use, settings, use
from ec2rl.host.sos_links import Links
from ec2rl.host.spool import Spool
from ec2rl.host.tar import Kind, Member
from ec2rl.host.unpack import HEAD, IN_PYTHON, SUFFIXES, kind_of
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.host.caching import Observation
    from ec2rl.host.unpack import Source

_TEXT, _SETTINGS, _TEXTS = 1 << 20, 4 << 20, 6 << 20
"""Bytes of a text that is read whole, of the output of sysctl, and of all texts together."""

_LINES = 4 << 20
"""Bytes of memory for the lines that are kept of all logs."""

_LOOKS, _GAPS = 20_000, 80
_JOURNALS = 512
_ETHTOOL = "ethtool -S "
_TABLES = 16  # more namespaces than these have their tables counted by nobody


class Collector:
    """Takes members one by one, and gives a recording of them (recording.py).

    `gaps` are words on what was there and could not be read; of evidence that is `cut`, what is
    missing may have been there.
    """

    def __init__(self, phrases: Sequence[Phrase], deadline: float) -> None:
        self.gaps: list[str] = []
        self._cut = ""
        self._deadline = deadline
        self._logs = tuple(replace(phrase, recent=False) for phrase in phrases)
        self._kernels = tuple(
            replace(phrase, recent=False, before=True) for phrase in (*phrases, BEGINNING)
        )
        self._memory: dict[str, Observation] = {}
        self._links = Links(_LOOKS)
        self._seen: set[int] = set()
        self._top = ""
        self._is_report = False
        self._counts = dict.fromkeys(_COUNTED, 0)
        self._texts = _TEXTS
        self._lines = _LINES
        self._recorded = 0.0
        self._newest = 0.0
        self._journals = Together()
        self._tables = _TABLES
        self._spool = Spool()
        self._rings: list[list[int]] = []
        self._of_boot: Search | Unreadable | None = None

    def cut(self, what: str, gap: str) -> None:
        """Note that this is not all that there was, and where it ends."""
        self._cut = self._cut or what
        if len(self.gaps) < _GAPS:
            self.gaps.append(gap)

    def add(self, member: Member) -> None:
        path = self._inside(member.name)
        self._is_report = self._is_report or path.startswith(_OF_SOS)
        found = use(path)
        if found is not None and self._came_again(path, member.kind):
            self.cut("a file in it came again", f"{path}: it came again: only the first was read")
        elif member.kind in (Kind.SYMLINK, Kind.HARD_LINK):
            self._link(path, member, found)
        elif found is not None and member.kind is Kind.OTHER:
            self.cut("a file in it is of a kind that is not read", f"{path}: {member.kind.value}")
        elif found is not None and member.kind is Kind.FILE:
            self._keep(found, path, member)

    def _came_again(self, path: str, kind: Kind) -> bool:
        """Whether a path was there before: in an archive, the last of one name holds (tar(5)).

        Hashes are enough, and do not grow with the names that somebody chose.
        """
        known = hash(path) in self._seen
        if kind is not Kind.FOLDER:
            self._seen.add(hash(path))
        return known

    def _keep(self, found: tuple[Use, str], path: str, member: Member) -> None:
        if len(self._memory) >= _LOOKS:
            self._counts["beyond what is kept"] += 1
            return
        self._newest = max(self._newest, member.modified)
        if path.startswith("sos_commands/"):
            self._recorded = max(self._recorded, member.modified)
        what, key = found
        if what in (Use.TEXT, Use.SETTINGS, Use.RELEASE):
            self._read(what, key, path, member)
        elif what is Use.STREAM:
            self._count(key, path, member)
        elif what is Use.JOURNAL_FILE:
            self._journal(key, member)
        else:
            self._search(what, key, member)

    def _inside(self, name: str) -> str:
        """A member's path below the archive's own folder; "" for one that is refused."""
        path = normpath(name)
        if name.startswith("/") or path.startswith(".."):
            self._counts["names that lead out of it"] += 1
            return ""
        top, _, rest = path.partition("/")
        if top in TOPS or path == ".":
            return path.removeprefix(HOST)
        self._top = self._top or top
        return rest.removeprefix(HOST) if top == self._top else ""

    def _link(self, path: str, member: Member, found: tuple[Use, str] | None) -> None:
        if path.partition("/")[0] not in TOPS:
            return
        target = member.target
        is_hard = member.kind is Kind.HARD_LINK
        if is_hard:
            target = "/" + self._inside(target)
        else:
            self._put(f"link /{path}", member.target)
        end = normpath(join("/", dirname(path), target)).lstrip("/")
        # A symbolic link among settings, as /etc/localtime, may lead to what nobody collected.
        is_wanted = found is not None and (is_hard or found[0] is not Use.TEXT)
        if lost := self._links.add(path, end, is_wanted):
            self.cut("not all of its links were followed", f"{path}: {lost}")

    def _put(self, key: str, look: Observation) -> None:
        if key in self._memory:
            self._counts["names that came again"] += 1
        else:
            self._memory[key] = look

    def _read(self, what: Use, key: str, path: str, member: Member) -> None:
        in_netns = what is Use.SETTINGS and key.startswith(NETNS)
        limit = min(_SETTINGS if what is Use.SETTINGS else _TEXT, self._texts)
        data = _take(member.body, limit + 1)
        self._texts -= 0 if in_netns else len(data)
        answer: Evidence | Unreadable
        text = data.decode("utf-8", "backslashreplace")
        if len(data) > limit:
            answer = Unreadable(key, Why.PARTIAL, "too large to be kept")
        elif gap := member.body.gap or hole(data):
            answer = Unreadable(key, Why.PARTIAL, gap)
            self.cut("a file in it is cut or damaged", f"{path}: {gap}")
        else:
            answer = Evidence(key, text)
        if what is Use.TEXT:
            self._put(key, answer)
        elif isinstance(answer, Unreadable):
            self.gaps.append(str(answer))
        elif what is Use.SETTINGS:
            self._settings(key, text)
        elif len(words := text.split()) > 2:
            path = "/proc/sys/kernel/osrelease"
            self._memory.setdefault(path, Evidence(path, f"{words[2]}\n"))

    def _settings(self, key: str, text: str) -> None:
        """Keep what `sysctl -a` printed; of a namespace, of which there may be many, what it has
        for itself.
        """
        prefix, colon, _ = key.partition(": ")
        wanted = tuple(form.SETTINGS for form in slices.parts("saved_evidence").values())
        for path, value in settings(text, _LOOKS).items():
            if not colon:
                self._memory.setdefault(path, Evidence(path, value))
            elif path.startswith(wanted) and len(self._memory) < _LOOKS:
                self._memory.setdefault(f"{prefix}: {path}", Evidence(path, value))

    def _search(self, what: Use, path: str, member: Member) -> None:
        key = path
        if what is Use.JOURNAL:
            boot = path.removesuffix(".tailed").partition("--boot")[2]
            key = "journalctl --boot -1" if boot.startswith("_-") else "journalctl"
            if boot in ("", "_") and "--boot" in path:
                key = "journalctl --boot"
        phrases = self._logs if what is Use.LOG else self._kernels
        if what is Use.DMESG:
            phrases = (*phrases, *ABOUT_TEXTS)
        found = self._searched(path, member, phrases)
        if isinstance(found, Search):
            self._lines -= sum(cost(line.text) for line in found.lines)
            gap = "; ".join(filter(None, (found.gap, member.body.gap)))
            found = replace(found, gap=gap)
            if gap:
                packed = "packed " * path.endswith(tuple(SUFFIXES))
                self.cut(f"a {packed}log in it is cut or damaged", f"{path}: {gap}")
        else:
            self.cut("a log in it could not be read", str(found))
        if path == BOOTS_DMESG:
            self._of_boot = found
        elif what is Use.DMESG:
            self._put_ring(found)
        else:
            self._put(f"search {key}", found)

    def _put_ring(self, found: Search | Unreadable) -> None:
        if not self._is_known_ring(found):
            self._put(f"search {DMESGS[len(self._rings) - 1]}", found)

    def _put_ring_of_boot(self, found: Search | Unreadable) -> None:
        """Keep what the ring buffer was when the boot ended; alone it is silent of all later."""
        if isinstance(found, Search) and not self._rings:
            found = replace(found, gap="; ".join(filter(None, (found.gap, _ENDS))))
        self._put_ring(found)

    def _searched(
        self, path: str, member: Member, phrases: Sequence[Phrase]
    ) -> Search | Unreadable:
        """Search a log; one that a program unpacks is a file first."""
        budget = Budget(kept=max(self._lines // 2, 64 << 10))
        body = Stream(lambda size: _take(member.body, size))
        if kind_of(body.head(HEAD)) in ("", *IN_PYTHON):
            return search_stream(path, body.read, phrases, budget, member.modified)
        try:
            fd, gap = self._spool.take(body)
        except OSError as error:
            return Unreadable(path, Why.FAILED, f"no room to read it: {error.strerror}")
        (found,) = search_files([(path, fd)], phrases, budget)
        if not isinstance(found, Search):
            return found
        gap = "; ".join(filter(None, (found.gap, gap)))
        return replace(found, modified=member.modified, gap=gap)

    def _is_known_ring(self, found: Search | Unreadable) -> bool:
        """Whether a text of the ring buffer tells of nothing that one before it does not."""
        lines = found.lines if isinstance(found, Search) else ()
        told = [sum(one.text.decode() in line.text for line in lines) for one in self._logs]
        known = any(all(map(le, told, before)) for before in self._rings)
        if not known:
            self._rings.append(told)
        return known

    def _count(self, key: str, path: str, member: Member) -> None:
        forms = slices.parts("saved_evidence").values()
        form = next(form for form in forms if key.endswith(form.KEY))
        self._tables -= 1
        if self._tables < 0:
            self._counts["tables beyond what is kept"] += 1
            return
        body = member.body
        few = key.startswith(NETNS)
        found = form.read_member(path, lambda size: _take(body, size), member.modified, few)
        if not isinstance(found, Unreadable) and body.gap:
            found = replace(found, gap="; ".join(filter(None, (found.gap, body.gap))))
        self._put(key, form.kept(found)[1])

    def _journal(self, path: str, member: Member) -> None:
        from ec2rl.host.journal.search import search_journal

        if self._journals.count >= _JOURNALS:
            self._counts["journal files beyond what is kept"] += 1
            return
        try:
            gap = ""
            if isinstance(member.body, Packed):  # a file of a folder
                fd = member.body.fd
            else:
                fd, gap = self._spool.take(member.body)
            left = self._deadline - time.monotonic()
            found = search_journal([(path, fd)], self._kernels, max(0.0, min(left, 60.0)))
        except OSError as error:
            gap = f"no room to read it: {error.strerror}"
            found = Journal((), 0, (), (), None)
        gaps = (f"{path}: {gap}", *found.gaps) if gap else found.gaps
        self._journals.add(replace(found, gaps=gaps))

    def text(self) -> str:
        from ec2rl.host.recording import case

        self._spool.close()
        if self._of_boot is not None:
            self._put_ring_of_boot(self._of_boot)
        self._links.follow(self._memory)
        for path, end in self._links.unread(self._memory, self._seen):
            self.cut("a link in it leads to what was not read", f"{path}: a link to {end}")
        self.gaps += [f"{what}: {count}" for what, count in self._counts.items() if count]
        self._recorded = self._recorded or self._newest
        memory: dict[str, Observation] = {"clock": Clock(self._recorded, self._uptime())}
        if self._cut:
            memory["cut"] = Evidence("cut", f"{self._cut}\n")
        if self.gaps:
            memory["gaps"] = Evidence("gaps", "\n".join(self.gaps[:100]) + "\n")
        if self._journals.count:
            memory["journal"] = self._journals.journal
            boot = self._journals.last_boot()
            if boot is not None and BOOT_ID not in self._memory:
                memory[BOOT_ID] = boot
        named = {key[len(NETNS) :].partition(": ")[0] for key in self._memory if NETNS in key}
        if named:
            memory["ls /run/netns"] = tuple(sorted(named))
        interfaces = {key[len(_ETHTOOL) :] for key in self._memory if key.startswith(_ETHTOOL)}
        interfaces.update(
            key.split("/")[4] for key in self._memory if key.startswith("/sys/class/net/")
        )
        if interfaces:
            memory["ls /sys/class/net"] = tuple(sorted(interfaces))
        if not self._is_report:
            memory["notes"] = Evidence("notes", f"{NO_REPORT}\n")
        memory["ls /proc"] = Unreadable("/proc", Why.NOT_COLLECTED)
        return case({**self._memory, **memory}, [])

    def _uptime(self) -> float | None:
        """Seconds since boot when the report was made, by the time of boot that the kernel told."""
        stat = self._memory.get("/proc/stat")
        for line in stat.text.split("\n") if isinstance(stat, Evidence) else ():
            words = line.split()
            if len(words) == 2 and words[0] == "btime" and words[1].isdecimal():
                uptime = self._recorded - float(words[1][:12])
                return uptime if uptime >= 0 else None
        return None


NO_REPORT = "it is no sosreport (no sos_commands): its var/log, etc, proc and sys were read as one"
_OF_SOS = ("sos_commands/", "sos_logs/", "sos_reports/", "sos_strings/")
_ENDS = "/var/log/dmesg ends with the boot"

_COUNTED = (
    "names that lead out of it",
    "names that came again",
    "journal files beyond what is kept",
    "tables beyond what is kept",
    "beyond what is kept",
)


def _take(body: Source, size: int) -> bytes:
    """Up to so many bytes, b"" at the end."""
    data = bytearray(min(size, 64 << 10))
    done = 0
    while done < size:
        if done == len(data):
            data += bytes(min(len(data), size - done))
        more = body.readinto(memoryview(data)[done:])
        if not more:
            break
        done += more
    return bytes(data[:done])
