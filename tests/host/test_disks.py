"""Bytes of block devices: garbage is bounded, what hangs is told, what is written is read again."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path
from struct import pack, pack_into

import pytest

from ec2rl.diagnosis.duplicates import find
from ec2rl.facts.disks import claimed, parse_disks, same_data
from ec2rl.facts.growth import contradictions, gaps, measured
from ec2rl.host.disks.probe import Window, ask_all, contents, escaped
from ec2rl.host.disks.tables import read_table
from ec2rl.host.live import LiveHost
from ec2rl.host.mounted import MountedHost
from ec2rl.host.queries.disks import Disks
from ec2rl.model import Evidence, Unreadable, Why

M = 1 << 20


def read(path: Path, size: int | None = None, sector: int = 512) -> list[dict[str, str]]:
    fd = os.open(path, os.O_RDONLY)
    try:
        size = os.fstat(fd).st_size if size is None else size
        return [*contents(Window(fd), size, sector, is_part=False)]
    finally:
        os.close(fd)


def image(path: Path, parts: dict[int, bytes], size: int = 4 * M) -> Path:
    with path.open("wb") as file:
        file.truncate(size)
        for offset, data in parts.items():
            file.seek(offset)
            file.write(data)
    return path


def ext(uuid: bytes = b"\x11" * 16, label: bytes = b"") -> bytes:
    data = bytearray(1024)
    pack_into("<I", data, 4, 1024)
    pack_into("<I", data, 0x18, 2)
    pack_into("<H", data, 0x38, 0xEF53)
    pack_into("<III", data, 0x5C, 4, 0x2C2, 0x7B)
    data[0x68:0x78] = uuid
    data[0x78 : 0x78 + len(label)] = label
    return bytes(data)


def md(minor: int, offset: int) -> bytes:
    data = bytearray(4096)
    pack_into("<II", data, 0, 0xA92B4EFC, 0 if minor == 90 else 1)
    if minor == 90:
        pack_into("<II", data, 4, 0, 90)
        data[20:24], data[52:64] = b"abcd", b"efghijklmnop"
    else:
        data[16:32], data[32:38] = b"A" * 16, b"host:0"
        pack_into("<Q", data, 144, offset // 512)
        data[168:184] = b"B" * 16
    return bytes(data)


@pytest.mark.parametrize(
    ("minor", "offset"), [(0, 4 * M - 8192), (1, 0), (2, 4096), (90, 4 * M - 65536)]
)
def test_a_member_of_an_array_is_none_of_its_file_system(
    tmp_path: Path, minor: int, offset: int
) -> None:
    parts = {1024: ext(), offset: md(minor, offset)}
    (told,) = read(image(tmp_path / "i", parts))
    assert told["type"] == "linux_raid_member"
    expected = "41414141-4141-4141-4141-414141414141"
    assert told["uuid"] == ("61626364-6566-6768-696a-6b6c6d6e6f70" if minor == 90 else expected)


def test_two_kinds_at_once_are_none(tmp_path: Path) -> None:
    xfs = b"XFSB" + pack(">IQ", 4096, 100) + bytes(72) + pack(">I", 4) + bytes(10)
    xfs += pack(">HH", 512, 512) + bytes(200)
    (told,) = read(image(tmp_path / "i", {0: xfs, 1024: ext()}))
    assert (told["type"], told["label"]) == ("ambiguous", "xfs and ext4")


def test_what_is_of_no_known_kind_is_said_and_zeros_are_none(tmp_path: Path) -> None:
    assert read(image(tmp_path / "i", {})) == [{}]
    assert read(image(tmp_path / "i", {70000: b"x"})) == [{"odd": "1"}]
    assert read(image(tmp_path / "i", {}, 0)) == [{}]


def test_labels_are_written_down_as_they_are(tmp_path: Path) -> None:
    label = b"\xff\x1b[31m \\x\n#"
    (told,) = read(image(tmp_path / "i", {1024: ext(label=label)}))
    line = f"vda number=254:0 size=4194304 type=ext4 label={escaped(told['label'])}"
    assert line.isascii()
    assert line.isprintable()
    (disk,) = parse_disks(line)
    assert disk.label == "\\xff\\x1b[31m \\x\\x0a#"


def ebr(*rows: tuple[int, int, int]) -> bytes:
    data = bytearray(512)
    for n, (kind, start, size) in enumerate(rows):
        pack_into("<B3xB3xII", data, 446 + 16 * n, 0, kind, start, size)
    data[510:] = b"\x55\xaa"
    return bytes(data)


def test_a_chain_of_partitions_that_bites_its_tail_ends(tmp_path: Path) -> None:
    first = ebr((0x83, 2048, 1000), (0x05, 4096, 4000))
    loop = ebr((0x83, 1, 10), (0x05, 0, 100))
    told, *entries = read(image(tmp_path / "i", {0: first, 4096 * 512: loop}))
    assert told["table"] == "dos"
    assert [one["entry"] for one in entries] == ["1", "2", "5"]


def test_a_long_chain_is_bounded(tmp_path: Path) -> None:
    parts = {0: ebr((0x05, 1, 4000))}
    for n in range(1, 3000):
        parts[n * 512] = ebr((0x83, 1, 1), (0x05, n, 10))
    began = time.monotonic()
    _, *entries = read(image(tmp_path / "i", parts))
    assert len(entries) <= 130
    assert time.monotonic() - began < 2


def test_numbers_of_64_bits_are_bounded(tmp_path: Path) -> None:
    far = b"EFI PART" + pack("<IIIIQQQQ", 0x10000, 92, 0, 0, 1, 2**63, 2**63, 2**63) + bytes(16)
    far += pack("<QIII", 2**63, 2**31, 2**31, 0)
    table = {0: ebr((0xEE, 1, 0xFFFFFFFF)), 512: far}
    assert read(image(tmp_path / "i", table)) == [{"odd": "1"}]
    fat = bytearray(512)
    fat[3:11], fat[82:90], fat[510:] = b"mkfs.fat", b"FAT32   ", b"\x55\xaa"
    pack_into("<HBHBHHBH", fat, 11, 4096, 128, 0xFFFF, 255, 0xFFFF, 0, 0xF8, 0)
    pack_into("<III", fat, 32, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    pack_into("<I", fat, 44, 0xFFFFFFFF)
    (told,) = read(image(tmp_path / "i", {0: bytes(fat)}))
    assert told["type"] == "vfat"
    exfat = bytearray(512)
    exfat[3:11], exfat[510:] = b"EXFAT   ", b"\x55\xaa"
    pack_into("<Q", exfat, 72, 2**64 - 1)
    pack_into("<IIII", exfat, 88, 2**32 - 1, 0, 2**32 - 1, 7)
    exfat[108], exfat[109] = 12, 13
    (told,) = read(image(tmp_path / "i", {0: bytes(exfat)}))
    assert (told["type"], told["uuid"]) == ("exfat", "0000-0007")


@pytest.mark.parametrize("seed", range(8))
def test_garbage_is_read_in_no_time(tmp_path: Path, seed: int) -> None:
    """Whole superblocks and tables with bytes turned over, cut, and of any size."""
    chance = random.Random(seed)
    parts = {0: ebr((0x83, 1, 9), (0xEE, 1, 99), (0x05, 20, 99)), 1024: ext(), 4096: md(2, 4096)}
    data = bytearray(80 << 10)
    for offset, one in parts.items():
        data[offset : offset + len(one)] = one
    magics = (b"XFSB", b"LUKS\xba\xbe\0\2", b"LABELONE", b"EFI PART", b"_BHRfS_M", b"SWAPSPACE2")
    places = (0, 3, 512, 1024, 4086, 32769, 65536, 65600)
    path = tmp_path / "i"
    began = time.monotonic()
    for _ in range(150):
        mutant = bytearray(data)
        for _ in range(chance.randrange(40)):
            mutant[chance.randrange(len(mutant))] = chance.randrange(256)
        place = chance.choice(places)
        magic = chance.choice(magics)
        mutant[place : place + len(magic)] = magic
        path.write_bytes(mutant[: chance.choice((511, 1500, 5000, 66000, len(mutant)))])
        size = chance.choice((0, 512, 1 << 20, 2**63, 2**64 - 1))
        for told in read(path, size, chance.choice((512, 4096))):
            assert all(isinstance(value, str) for value in told.values())
    assert time.monotonic() - began < 10


def test_a_damaged_first_copy_of_a_gpt_is_told() -> None:
    entries = bytes(128 * 128)
    from binascii import crc32

    def header(mine: int, other: int, start: int) -> bytes:
        data = bytearray(b"EFI PART" + pack("<IIIIQQQQ", 0x10000, 92, 0, 0, mine, other, 34, 990))
        data += b"\x22" * 16 + pack("<QIII", start, 128, 128, crc32(entries))
        pack_into("<I", data, 16, crc32(bytes(data)))
        return bytes(data).ljust(512, b"\0")

    disk = bytearray(1024 * 512)
    disk[:512] = ebr((0xEE, 1, 1023))
    disk[512:1024] = header(1, 1023, 2)
    disk[1023 * 512 :] = header(1023, 1, 991)

    def at(offset: int, size: int) -> bytes:
        return bytes(disk[offset : offset + size])

    whole = read_table(at, len(disk), 512)
    assert whole is not None
    assert (whole.fault, whole.backup) == ("", 1023 * 512)
    disk[600] ^= 1
    first = read_table(at, len(disk), 512)
    assert first is not None
    assert first.fault == "" or first.fault == "first"
    disk[540] ^= 1
    first = read_table(at, len(disk), 512)
    assert first is not None
    assert (first.fault, first.id) == ("first", whole.id)
    disk[540] ^= 1
    disk[600] ^= 1
    disk[1023 * 512 + 20] ^= 1
    second = read_table(at, len(disk), 512)
    assert second is not None
    assert second.fault == "second"


DEVICES = {
    "nvme0n1": {"number": "259:0", "size": "4096"},
    "nvme0n1p1": {"number": "259:1", "size": "4096", "of": "nvme0n1", "part": "1"},
    "nvme1n1": {"number": "259:2", "size": "4096"},
}


def hangs(name: str, told: dict[str, str]) -> list[dict[str, str]]:
    if name == "nvme1n1":
        time.sleep(60)
    return [{"type": "xfs"}]


@pytest.mark.more
def test_a_disk_that_hangs_keeps_nobody() -> None:
    began = time.monotonic()
    told = ask_all(DEVICES, hangs)
    assert time.monotonic() - began < 20
    assert told == {"nvme0n1": [{"type": "xfs"}], "nvme0n1p1": [{"type": "xfs"}]}


def test_this_machine_answers() -> None:
    found = LiveHost().query(Disks())
    if isinstance(found, Unreadable):
        pytest.skip(f"this machine tells of no disks: {found}")
    for one in parse_disks(found.text):
        assert one.size > 0
        assert one.fault != "not in a known form"


def test_a_folder_is_no_volume(tmp_path: Path) -> None:
    found = MountedHost(str(tmp_path)).query(Disks())
    assert isinstance(found, Unreadable)
    assert found.why is Why.ABSENT


def test_it_is_written_down_and_read_again() -> None:
    query, told = Disks(), Evidence("disks /sys/class/block", "vda number=254:0 size=512\n")
    text, notes = query.encode(told)
    assert notes == {}
    assert query.decode(query.key, text, {}) == told


@pytest.mark.parametrize("seed", range(4))
def test_lines_of_any_form_are_read(seed: int) -> None:
    """A recording may hold anything: no line of it ends the look, nor is one taken for a number."""
    chance = random.Random(seed)
    text = (
        "nvme0n1 nvme0n1#1 number=1 size=999 size=512 of=nvme0n1 part=1 start=-1 label=\\x "
        "label=\\xzz uuid=\\xff\\x00 holders=,,a slaves=nvme0n1 dmuuid=part99999999999999999999-x "
        "entry=1 entry=x = type=xfs fssize=99999999999999999999 table=dos kind=05 root ro"
    )
    words = (*text.split(" "), "", "\t", "\u2028")
    for _ in range(400):
        lines = (" ".join(chance.choices(words, k=chance.randrange(9))) for _ in range(9))
        disks = parse_disks("\n".join(lines))
        by_name = {one.name: one for one in disks}
        for one in disks:
            assert one.label.isprintable()
            assert isinstance(claimed(one, by_name), bool)
            assert all(isinstance(same_data(one, other, by_name), bool) for other in disks)
        assert all(gap.room >= 0 for gap in gaps(disks))
        assert all(why for _, why in contradictions(disks))


@pytest.mark.more
def test_thousands_of_copies_are_bounded() -> None:
    line = "d{n} number=1:{n} size=1048576 table=dos type=ext4 uuid=u label=l fssize=9 holders=a,b"
    text = "".join(f"{line}\nd{{n}}p of=d{{n}} part=1 size=9\n".format(n=n) for n in range(9000))
    began = time.monotonic()
    disks = parse_disks(text)
    assert disks[-1].fault == "more than are read"
    assert [*find(disks, lambda disk: [("UUID", disk.uuid)] if disk.uuid else [])] == []
    apart = parse_disks(text.replace(" holders=a,b", ""))
    (copies,) = find(apart, lambda disk: [("UUID", disk.uuid)] if disk.uuid else [])
    assert len(copies.devices) == 64
    assert [*gaps(apart)] == []
    assert measured(apart) > 4000
    assert [*contradictions(apart)] == []
    assert time.monotonic() - began < 8
