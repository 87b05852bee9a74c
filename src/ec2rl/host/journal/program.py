"""What journalctl tells of a journal file whose format is not known here."""

from __future__ import annotations

import os
import struct
import time

from ec2rl.host import JournalRecord, Phrase
from ec2rl.host.journal.fields import make_record
from ec2rl.host.journal.payload import DamagedError, UnknownFormatError
from ec2rl.host.journal.rows import FOLLOWS, HIT, MARKER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import IO, Any

PROGRAMS = ("/usr/bin/journalctl", "/bin/journalctl")
_AS_NOBODY = {"user": 65534, "group": 65534, "extra_groups": ()}
_COPY = 256 << 20  # bytes; journald begins a new file at 128 MiB
_LINE_LIMIT = 64 << 10
_ROOM = 10_000


class Exported:
    """The records of one file that are wanted, in order: `rows` has each one's key and kind.

    `gap` says why the program's answer is not whole.
    """

    def __init__(self, fd: int) -> None:
        # Where every header has it, whatever else is unknown.
        self.oldest = int.from_bytes(os.pread(fd, 8, 184), "little") or None
        self.newest = int.from_bytes(os.pread(fd, 8, 192), "little") or None
        self.rows: list[tuple[bytes, int]] = []
        self._records: list[JournalRecord] = []
        self.gap = ""

    def add(self, fields: dict[bytes, bytes], *, hit: bool) -> None:
        key, boot = _key(fields.get(b"__CURSOR", b""))
        realtime, monotonic = struct.unpack_from(">QQ", key)
        record = make_record(fields, boot, monotonic, realtime, hit=hit)
        kind = MARKER if record.transport == "driver" else HIT if hit else FOLLOWS
        self.rows.append((key, kind))
        self._records.append(record)

    def record(self, place: int) -> JournalRecord:
        return self._records[place]


def exported(fd: int, phrases: Sequence[Phrase], missed: bytes, until: float) -> Exported:
    """Ask journalctl for the kernel's records that hold a phrase or follow one.

    `missed` is the MESSAGE_ID by which journald tells of lost ones.  UnknownFormatError when
    there is no journalctl; it is killed at `until` (time.monotonic).  The file may be anybody's
    work: so root has it read by a user without rights, who is given a copy.
    """
    program = next((path for path in PROGRAMS if os.access(path, os.X_OK)), None)
    if program is None:
        raise UnknownFormatError("there is no journalctl to ask")
    if os.geteuid() != 0:
        return _asked(program, f"/proc/self/fd/{fd}", fd, phrases, missed, until)
    from tempfile import TemporaryDirectory

    # Told where, it does not try by writing whether it may write there.
    with TemporaryDirectory(prefix="ec2rl-journal-", dir="/tmp") as folder:
        path = _copy(fd, folder)
        return _asked(program, path, fd, phrases, missed, until, _AS_NOBODY)


def _asked(
    program: str,
    path: str,
    fd: int,
    phrases: Sequence[Phrase],
    missed: bytes,
    until: float,
    user: Mapping[str, Any] = {},
) -> Exported:
    import subprocess
    import threading

    answer = Exported(fd)
    wanted = ("_TRANSPORT=kernel", "+", "_TRANSPORT=driver", f"MESSAGE_ID={missed.decode()}")
    with subprocess.Popen(  # noqa: S603 - an absolute path, and no word from outside
        [program, f"--file={path}", "--output=export", "--quiet", *wanted],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        pass_fds=(fd,),
        cwd="/",
        env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
        **user,
    ) as process:
        clock = threading.Timer(max(0.0, until - time.monotonic()), process.kill)
        clock.daemon = True
        clock.start()
        try:
            assert process.stdout
            for fields, hit in _wanted(_records(process.stdout), phrases):
                answer.add(fields, hit=hit)
                if len(answer.rows) == _ROOM:
                    answer.gap = f"of what journalctl told, {_ROOM} records were taken"
                    process.kill()
                    break
            process.stdout.close()
            if process.wait() and not answer.gap:
                answer.gap = f"journalctl ended with status {process.returncode}"
        except DamagedError as error:
            answer.gap = str(error)
            process.kill()
        finally:
            clock.cancel()
    return answer


def _copy(fd: int, folder: str) -> str:
    """A copy that any user may open; journalctl refuses a file without a name (EIDRM).

    UnknownFormatError for a large file.
    """
    size = os.fstat(fd).st_size
    if size > _COPY:
        raise UnknownFormatError(f"it is too large for journalctl, {size >> 20} MiB")
    os.chmod(folder, 0o711)  # noqa: S103 - so that it can be opened by whoever is told its name
    path = f"{folder}/copy.journal"
    copy = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o444)
    try:
        os.fchmod(copy, 0o444)
        done = 0
        while done < size and (piece := os.pread(fd, 1 << 20, done)):
            done += os.write(copy, piece)
    finally:
        os.close(copy)
    return path


def _wanted(
    records: Iterator[dict[bytes, bytes]], phrases: Sequence[Phrase]
) -> Iterator[tuple[dict[bytes, bytes], bool]]:
    left = 0
    boot = b""
    for fields in records:
        if fields.get(b"_TRANSPORT") == b"driver":
            yield fields, True
            continue
        if fields.get(b"_BOOT_ID") != boot:
            boot = fields.get(b"_BOOT_ID", b"")
            left = 0
        text = fields.get(b"MESSAGE", b"")
        after = [phrase.after for phrase in phrases if phrase.text in text]
        if after or left:
            yield fields, bool(after)
        left = max(after, default=0) if after and max(after) >= left else max(0, left - 1)


def _records(stream: IO[bytes]) -> Iterator[dict[bytes, bytes]]:
    """Records in the export format (systemd's docs/JOURNAL_EXPORT_FORMATS.md)."""
    fields: dict[bytes, bytes] = {}
    while line := stream.readline(_LINE_LIMIT):
        name, equals, value = line[:-1].partition(b"=")
        if line == b"\n":
            yield fields
            fields = {}
        elif not line.endswith(b"\n"):
            raise DamagedError("journalctl told a field that is too long, or was cut off")
        elif equals:
            fields[name] = value
        else:
            size = int.from_bytes(stream.read(8), "little")
            if size > _LINE_LIMIT:
                raise DamagedError("journalctl told a field that is too long")
            fields[name] = stream.read(size)
            stream.read(1)


def _key(cursor: bytes) -> tuple[bytes, str]:
    """The key of an entry (as `journal_file.Entry` has it) from its cursor, and its boot."""
    parts = dict(part.partition(b"=")[::2] for part in cursor.split(b";"))
    try:
        time_, monotonic, xor = (int(parts[name], 16) for name in (b"t", b"m", b"x"))
        boot = parts[b"b"].decode("ascii")
        return struct.pack(">QQ16sQ", time_, monotonic, bytes.fromhex(boot), xor), boot
    except (KeyError, ValueError, struct.error):
        raise DamagedError("journalctl told a cursor that is none") from None
