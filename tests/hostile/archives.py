"""Some two hundred and fifty archives that somebody made to harm whoever reads them.

`python tests/hostile/archives.py FOLDER` writes them.  Each begins or ends with members that are
sound, so that it shows whether these are read all the same.
"""

from __future__ import annotations

import io
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

TOP = "sosreport-victim-2026-11-03-abcdefg"
FULL = "[  100.000001] nf_conntrack: nf_conntrack: table full, dropping packet\n"
DMESG = "[    0.000000] Linux version 6.1.0\n" + FULL
SENTINEL = "SENTINEL-4b1d0c5e-never-to-be-read"
WANTED = ("etc/sysctl.conf", "proc/meminfo", "var/log/messages", "sos_commands/kernel/sysctl_-a")
BLOCK = 512


def header(
    name: str,
    kind: bytes = b"0",
    size: int | bytes = 0,
    link: str = "",
    checksum: bytes | None = None,
    magic: bytes = b"ustar\x0000",
) -> bytes:
    """One header block, with whatever is asked for in it."""
    field = size if isinstance(size, bytes) else f"{size:011o}\0".encode()
    block = bytearray(BLOCK)
    block[:100] = name.encode()[:100].ljust(100, b"\0")
    block[100:136] = b"0000644\0" + b"0000000\0" * 2 + field
    block[136:148] = b"15053726400\0"
    block[148:156] = b" " * 8
    block[156:157] = kind
    block[157:257] = link.encode()[:100].ljust(100, b"\0")
    block[257:265] = magic
    block[148:156] = checksum or f"{sum(block):06o}\0 ".encode()
    return bytes(block)


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % BLOCK)


def member(name: str, data: bytes | str = b"", kind: bytes = b"0", link: str = "") -> bytes:
    body = data.encode() if isinstance(data, str) else data
    return header(name, kind, len(body), link) + padded(body)


def pax(*records: tuple[str, str], kind: bytes = b"x") -> bytes:
    body = b""
    for key, value in records:
        rest = f" {key}={value}\n".encode()
        length = len(rest) + 1
        while len(str(length)) + len(rest) != length:
            length += 1
        body += str(length).encode() + rest
    return member("pax", body, kind)


def long_name(name: str | bytes, kind: bytes = b"L") -> bytes:
    return member("././@LongLink", name if isinstance(name, bytes) else name.encode() + b"\0", kind)


SOUND = member(f"{TOP}/sos_commands/kernel/dmesg", DMESG)
END = bytes(2 * BLOCK)


def binary(number: int) -> bytes:
    """A size as GNU tar writes large ones: 96 bits, the first of them set."""
    return ((1 << 95 | number) & ((1 << 96) - 1)).to_bytes(12, "big")


def names(outside: str) -> Iterator[tuple[str, bytes]]:
    evil = [
        "/etc/sysctl.conf",
        "//etc/sysctl.conf",
        "../etc/sysctl.conf",
        "../../../../../../etc/sysctl.conf",
        f"{TOP}/../../etc/sysctl.conf",
        f"{TOP}/etc/../../../etc/sysctl.conf",
        f"{TOP}/./../../etc/sysctl.conf",
        f"{TOP}/etc/sysctl.d/../../../../x.conf",
        outside,
        "..",
        ".",
        "",
        "/",
        "./",
        f"{TOP}//..//..//etc/sysctl.conf",
        "other-top/etc/sysctl.conf",
        f"{TOP}/etc/sysctl.d/\n-- expect --",
        f"{TOP}/etc/sysctl.d/a; exact --",
        f"{TOP}/etc/sysctl.d/\x1b[2J.conf",
        f"{TOP}/etc/sysctl.d/\\x0a.conf",
        f"{TOP}/etc/sysctl.d/" + "a" * 80,
    ]
    for number, name in enumerate(evil):
        yield f"name-{number}", SOUND + member(name, SENTINEL.replace("S", "s"))


def links(outside: str) -> Iterator[tuple[str, bytes]]:
    targets = [
        outside,
        f"../../../../../../../../..{outside}",
        "/etc/shadow",
        "/proc/self/environ",
        "../../..",
        "/",
        ".",
        "",
        "sysctl.conf",
        "../../../../../../../../../../../../dev/zero",
    ]
    for number, target in enumerate(targets):
        for place in (WANTED[0], WANTED[2]):
            name = f"{TOP}/{place}"
            yield f"symlink-{number}-{place[:3]}", SOUND + member(name, b"", b"2", target)
            yield f"hardlink-{number}-{place[:3]}", SOUND + member(name, b"", b"1", target)
    for kind, word in ((b"2", "sym"), (b"1", "hard")):
        folder = member(f"{TOP}/etc", b"", kind, str(Path(outside).parent))
        through = member(f"{TOP}/etc/sysctl.conf", "a = 1\n")
        yield f"folder-{word}link-then-through-it", SOUND + folder + through
        yield f"through-it-then-folder-{word}link", SOUND + through + folder
    chain = b"".join(
        member(f"{TOP}/etc/sysctl.d/{n}.conf", b"", b"2", f"{n + 1}.conf") for n in range(40)
    )
    yield "chain-of-40", SOUND + chain + member(f"{TOP}/etc/sysctl.d/40.conf", "a = 1\n")
    yield (
        "loop",
        SOUND + member(f"{TOP}/etc/a", b"", b"2", "b") + member(f"{TOP}/etc/b", b"", b"2", "a"),
    )
    many = b"".join(member(f"{TOP}/proc/l{n}", b"", b"2", f"l{n + 1}") for n in range(3000))
    yield "three-thousand-links", SOUND + many
    double = b"".join(
        member(f"{TOP}/proc/d{n}", b"", b"2", f"d{n - 1}/../d{n - 1}") for n in range(1, 60)
    )
    yield "links-that-double", SOUND + member(f"{TOP}/proc/d0/sys/a/b", "1") + double
    yield (
        "own-parent",
        SOUND + member(f"{TOP}/proc/sys", b"", b"2", "..") + member(f"{TOP}/proc/sys/a/b", "1"),
    )
    # What got past extraction filters: a long path of links whose end was not resolved any more.
    deep = "/".join(["d" * 200] * 16)
    yield (
        "beyond-path-max",
        SOUND
        + pax(("path", f"{TOP}/{deep}"), ("linkpath", "../" * 17))
        + (header("x", b"2") + member(f"{TOP}/{WANTED[0]}", b"", b"2", f"{deep}/../{outside}")),
    )
    yield (
        "hard-link-to-a-link",
        SOUND
        + member(f"{TOP}/etc/x", b"", b"2", outside)
        + member(f"{TOP}/etc/sysctl.conf", b"", b"1", f"{TOP}/etc/x"),
    )


def kinds() -> Iterator[tuple[str, bytes]]:
    for kind in b"3467ABCDEIMNQSVXYZ\x01\xff":
        yield (
            f"kind-{kind:02x}",
            SOUND + header(f"{TOP}/var/log/messages", bytes([kind]), 0, "/dev/zero"),
        )
    for place in WANTED:
        for what in ("3", "4", "6"):
            yield f"device-{what}-{place[:3]}", SOUND + header(f"{TOP}/{place}", what.encode())


def sparse() -> Iterator[tuple[str, bytes]]:
    name = f"{TOP}/var/log/messages"
    head = bytearray(header(name, b"S", 512, magic=b"ustar  \0"))
    head[482] = 1
    head[148:156] = b" " * 8
    head[148:156] = f"{sum(head):06o}\0 ".encode()
    endless = bytearray(BLOCK)
    endless[504] = 1
    yield "sparse-maps-without-end", SOUND + bytes(head) + bytes(endless) * 4000
    yield "sparse-map-cut", SOUND + bytes(head)
    yield "sparse-plain", SOUND + header(name, b"S", 512, magic=b"ustar  \0") + bytes(512)
    for number, records in enumerate(
        [
            (
                ("GNU.sparse.major", "1"),
                ("GNU.sparse.minor", "0"),
                ("GNU.sparse.realsize", "9" * 18),
            ),
            (("GNU.sparse.map", "0,1," * 9000 + "0,1"), ("GNU.sparse.size", "99999999999")),
            (("GNU.sparse.name", "../../etc/passwd"), ("GNU.sparse.numblocks", "-1")),
            (("GNU.sparse.offset", "9" * 19), ("GNU.sparse.numbytes", "9" * 19)),
        ]
    ):
        yield f"sparse-pax-{number}", SOUND + pax(*records) + member(name, FULL)


def extended() -> Iterator[tuple[str, bytes]]:
    name = f"{TOP}/etc/sysctl.conf"
    good = member(name, "a = 1\n")
    for number, size in enumerate(
        ["-1", "-512", str(1 << 63), str((1 << 63) - 512), "9" * 40, "0x10", "1e9", " 12", "", "٣"]
    ):
        yield f"pax-size-{number}", SOUND + pax(("size", size)) + good
    for number, body in enumerate(
        [b"0 a=b\n", b"5 a=b\n", b"99999 a=b\n", b"-6 a=b\n", b"6 a=b", b"6 ab  \n", b"\n", b" ",
         b"6\0a=b\n", b"1" * 600, b"6 a=b\n" * 20000, b"7 path=\n", b"10 path=..\n", b"\xff" * 512]
    ):  # fmt: skip
        yield f"pax-record-{number}", SOUND + member("pax", body, b"x") + good
    yield "pax-loop", SOUND + pax(("path", name)) * 5000 + good
    yield "pax-globals", SOUND + pax(("path", "../../x"), ("size", "1"), kind=b"g") * 50 + good
    yield "pax-of-16-mib", SOUND + member("pax", b"x" * (16 << 20), b"x") + good
    yield "pax-of-2-to-40", SOUND + header("pax", b"x", binary(1 << 40))
    yield "pax-path-with-nul", SOUND + pax(("path", f"{TOP}/etc/\0passwd")) + good
    yield "pax-long-path", SOUND + pax(("path", "a/" * 30000)) + good
    yield "pax-mtime", SOUND + pax(("mtime", "9" * 300)) + good
    yield "pax-mtime-below", SOUND + pax(("mtime", "-" + "9" * 18)) + good
    yield "gnu-long-names", SOUND + long_name("a" * 300) * 5000 + good
    yield "gnu-name-of-2-to-40", SOUND + header("././@LongLink", b"L", binary(1 << 40))
    yield "gnu-name-of-1-mib", SOUND + long_name("a" * (1 << 20)) + good
    yield "gnu-name-empty", SOUND + long_name(b"") + good
    yield "gnu-name-without-end", SOUND + long_name(b"a" * 512) + good
    yield "gnu-name-leads-out", SOUND + long_name("../../etc/sysctl.conf") + good
    yield "gnu-link-leads-out", SOUND + long_name("../../../etc/passwd", b"K") + header(name, b"2")
    yield "gnu-name-alone", SOUND + long_name("a")


def sizes() -> Iterator[tuple[str, bytes]]:
    name = f"{TOP}/var/log/messages"
    for number, size in enumerate(
        [binary(1 << 63), binary((1 << 64) - 512), binary(1 << 62), binary((1 << 95) - 1),
         b"\xff" * 12, b"\xff" * 11 + b"\0", (-512).to_bytes(12, "big", signed=True),
         b"77777777777\0", b"7" * 12, b"-0000000512\0", b"0x200      \0", b"99999999999\0",
         b"+0000000010\0", b"1_0        \0", b"\0" * 12]
    ):  # fmt: skip
        yield f"size-{number}", SOUND + header(name, b"0", size) + padded(FULL.encode())


def damage() -> Iterator[tuple[str, bytes]]:
    whole = SOUND + member(f"{TOP}/var/log/messages", FULL) + member(f"{TOP}/proc/meminfo", "M\n")
    for cut in range(0, len(whole), 100):
        yield f"cut-{cut:04}", whole[:cut]
    for at in (0, 1, 99, 100, 124, 148, 156, 257, 345, 511):
        block = bytearray(header(f"{TOP}/etc/sysctl.conf"))
        block[at] ^= 0x41
        yield f"checksum-{at:03}", SOUND + bytes(block) + SOUND
    yield "checksum-signed", SOUND + header(f"{TOP}/etc/sysctl.d/é", checksum=b"0000000\0")
    yield "one-zero-block", SOUND + bytes(BLOCK) + member(f"{TOP}/etc/sysctl.conf", "a = 1\n")
    yield "zeros", bytes(64 * BLOCK)
    yield "noise", bytes(range(256)) * 64
    yield "empty", b""


def repetition() -> Iterator[tuple[str, bytes]]:
    name = f"{TOP}/etc/sysctl.conf"
    yield "same-name-twice", SOUND + member(name, "a = 1\n") + member(name, "a = 2\n")
    yield "same-name-ten-thousand-times", SOUND + member(name, "a = 1\n") * 10_000
    yield "file-then-folder", SOUND + member(name, "a = 1\n") + member(name + "/x", "b = 1\n")
    many = (member(f"{TOP}/etc/sysctl.d/{n}.conf", "a = 1\n") for n in range(30_000))
    yield "thirty-thousand-files", SOUND + b"".join(many)
    yield "hundred-thousand-members", SOUND + header(f"{TOP}/x") * 100_000
    big = member(f"{TOP}/etc/sysctl.conf", b"a" * (4 << 20))
    yield "large-text", SOUND + big
    yield (
        "large-texts",
        SOUND + b"".join(member(f"{TOP}/etc/sysctl.d/{n}.conf", b"a" * 900_000) for n in range(20)),
    )
    yield (
        "million-settings",
        SOUND
        + member(
            f"{TOP}/sos_commands/kernel/sysctl_-a", "".join(f"a.k{n} = 1\n" for n in range(200_000))
        ),
    )
    yield (
        "odd-settings",
        SOUND
        + member(
            f"{TOP}/sos_commands/kernel/sysctl_-a",
            "../../x = 1\na..b = 2\n = 3\n/etc/passwd = 4\n\0 = 5\n",
        ),
    )
    yield (
        "forged-case",
        SOUND
        + member(
            f"{TOP}/etc/sysctl.conf",
            "-- /proc/meminfo --\nMemTotal: 1 kB\n-- expect --\nOK\n!denied\n",
        ),
    )


def spooled(outside: str) -> Iterator[tuple[str, bytes]]:
    """Journal files, which are read in any order, and tables, of which a sample is kept."""
    machine = "0" * 32
    journal = f"{TOP}/var/log/journal/{machine}/system.journal"
    table = f"{TOP}/sos_commands/conntrack/conntrack_-L_-o_extended"
    head = b"LPKSHHRH" + bytes(range(256)) * 20
    yield "journal-of-noise", SOUND + member(journal, head)
    yield "journal-empty", SOUND + member(journal)
    yield "journal-of-2-to-40", SOUND + header(journal, b"0", binary(1 << 40)) + padded(head)
    yield "journal-of-2-to-62", SOUND + header(journal, b"0", binary(1 << 62)) + padded(head)
    yield "journal-symlink", SOUND + member(journal, b"", b"2", outside)
    yield "journal-hardlink", SOUND + member(journal, b"", b"1", outside)
    yield "journal-device", SOUND + header(journal, b"3")
    yield "journal-name", SOUND + member(f"{TOP}/var/log/journal/../../../{outside}", head)
    yield "journal-odd-name", SOUND + member(f"{TOP}/var/log/journal/\n-- a --/\x1b.journal", head)
    yield (
        "journals",
        SOUND
        + b"".join(
            member(f"{TOP}/var/log/journal/{machine}/{n}.journal", head) for n in range(2000)
        ),
    )
    line = "tcp 6 9 SYN_SENT src=1 dst=1 src=2 dst=2"
    for number, text in enumerate(
        [f"{line}\n" * 3, "\n-- expect --\nOK" + line, f"\x1b[2J\r{line}\n", line * 5000,
         "\0" * 9000,
         f"tcp 6 9 src={'9' * 900} src=1\n", f"tcp 6 {'9' * 400} X src=1.1.1.1 dst=1 src=1 dst=1\n",
         "conntrack v1 (conntrack-tools): 999999999999 flow entries have been shown.\n" * 50]
    ):  # fmt: skip
        yield f"table-{number}", SOUND + member(table, text)
    each = "sos_commands/conntrack/ip_netns_exec"
    yield (
        "tables",
        SOUND
        + b"".join(
            member(f"{TOP}/{each}_{n}_conntrack_-L", f"{line}\n" * 300) for n in range(2000)
        ),
    )
    yield (
        "table-of-a-netns-that-leads-out",
        SOUND + member(f"{TOP}/{each}_..\\x2f..\n_conntrack_-L", f"{line}\n"),
    )


def archives(outside: str) -> dict[str, bytes]:
    """Every archive by its name; `outside` is a file on this machine that none may reach."""
    made: dict[str, bytes] = {}
    groups = (names, links, spooled)
    for group in (*(each(outside) for each in groups), kinds(), sparse(), extended(), sizes()):
        made.update((name, data + END) for name, data in group)
    made.update(damage())
    made.update((name, data + END) for name, data in repetition())
    with io.BytesIO() as file:
        with tarfile.open(fileobj=file, mode="w") as tar:
            tar.add(outside, arcname=f"{TOP}/../outside")
        made["by-a-real-tar"] = SOUND + file.getvalue()
    return made


def is_sound(name: str) -> bool:
    """Whether the sound members of an archive can be read."""
    if name.startswith("cut-"):
        return int(name[4:]) >= len(SOUND)
    return name not in ("zeros", "noise", "empty")


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "outside").write_text(SENTINEL)
    for name, data in archives(str(folder / "outside")).items():
        (folder / f"{name}.tar").write_bytes(data)
