"""Sixty packed files that say more than they are, or end before they should.

`python tests/hostile/bombs.py FOLDER [MIB]` writes them; MIB is how much the large ones unpack to.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

from hostile.archives import END, FULL, SOUND, TOP, header, padded

Pack = Callable[[bytes], bytes]
PACKS: dict[str, Pack] = {
    "gz": lambda data: gzip.compress(data, 9, mtime=0),
    "xz": lzma.compress,
    "bz2": bz2.compress,
}


def repeated(pack: str, text: bytes, mib: int) -> bytes:
    """So many MiB of a text, packed member by member, without ever being there unpacked."""
    block = (text * ((1 << 20) // len(text) + 1))[: 1 << 20]
    return PACKS[pack](block) * mib


def stream(pack: str, head: bytes, text: bytes, mib: int) -> bytes:
    return PACKS[pack](head) + repeated(pack, text, mib)


def with_dictionary_of_4_gib(packed: bytes) -> bytes:
    """The same xz file, asking for all the memory that the format can ask for."""
    size = (packed[12] + 1) * 4  # of the block header, that ends with its CRC
    block = bytearray(packed[12 : 12 + size])
    block[block.index(b"\x21\x01") + 2] = 40
    block[-4:] = zlib.crc32(bytes(block[:-4])).to_bytes(4, "little")
    return packed[:12] + bytes(block) + packed[12 + size :]


def bombs(mib: int) -> Iterator[tuple[str, bytes]]:
    """Names end in what a log or an archive of that kind would be called."""
    log = f"{TOP}/var/log/messages"
    huge = f"{mib << 20:011o}\0".encode()
    for pack, compress in PACKS.items():
        yield f"zeros.log.{pack}", repeated(pack, b"\0", mib)
        yield f"one-line.log.{pack}", repeated(pack, b"a", mib)
        yield f"newlines.log.{pack}", repeated(pack, b"\n", mib)
        yield f"flood.log.{pack}", repeated(pack, FULL.encode(), mib)
        yield f"one-line-of-hits.log.{pack}", repeated(pack, b"nf_conntrack: ", mib)
        yield f"empty-members.log.{pack}", compress(b"") * 20_000
        yield f"tiny-members.log.{pack}", compress(b"nf_conntrack: x\n") * 5_000
        yield f"within-itself.log.{pack}", compress(compress(compress(bytes(8 << 20))))
        yield f"tail-of-noise.log.{pack}", compress(FULL.encode()) + bytes(range(256)) * 40
        yield f"tail-of-zeros.log.{pack}", compress(FULL.encode()) + bytes(1 << 20)
        whole = compress(SOUND + header(log, b"0", len(FULL)) + padded(FULL.encode()) + END)
        for part in (3, 6, 20, len(whole) // 2, len(whole) - 5, len(whole) - 1):
            yield f"cut-{part:03}.tar.{pack}", whole[:part]
        flipped = bytearray(whole)
        flipped[len(whole) // 2] ^= 0x20
        yield f"flipped.tar.{pack}", bytes(flipped)
        large = SOUND + header(log, b"0", huge)
        yield f"large-member.tar.{pack}", stream(pack, large, b"nf_conntrack: x\n", mib)
        yield f"zeros-member.tar.{pack}", stream(pack, large, b"\0", mib)
        yield f"no-member.tar.{pack}", stream(pack, SOUND + END, b"\0", mib)
        yield f"members.tar.{pack}", stream(pack, SOUND, header(f"{TOP}/x") * 2048, mib)
    dictionary = bytearray(lzma.compress(FULL.encode(), format=lzma.FORMAT_ALONE))
    dictionary[1:5] = b"\xff\xff\xff\xff"
    yield "alone.log.xz", bytes(dictionary)
    yield "dictionary.log.xz", with_dictionary_of_4_gib(lzma.compress(FULL.encode()))
    yield "name-of-gz.log.gz", FULL.encode()
    yield "only-magic.log.zst", b"\x28\xb5\x2f\xfd"


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in bombs(int(sys.argv[2]) if len(sys.argv) > 2 else 1024):
        (folder / name).write_bytes(data)
