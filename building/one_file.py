"""The one file: a shell script that finds a Python, and behind it an archive that Python reads.

The archive is an ordinary zip: the sources, and for each Python that the release was built with a
tree of bytecode.  A zip never keeps bytecode, and Python's own reader of zips takes longer to start
than this program; so the script has Python run `start.py` right out of the file, which finds each
module by an index of the tree (decision 33).
"""

from __future__ import annotations

import io
import marshal
import os
import subprocess
import time
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path

from building.sources import ROOT

_CHECKOUT = '"$root/src/ec2rl/__main__.py"'
"""What the launcher of a checkout has Python run."""

_START = """import sys
def lost(why):
    sys.stderr.write("ec2rl: " + why + chr(10))
    sys.exit(69)
try:
    file = open(sys.argv[1], "rb")
except Exception:
    lost("save it to a file first: it is read again while it runs")
file.seek({:10})
code = file.read({:10})
if len(code) != {:10}:
    lost("this copy is cut short: copy it anew")
exec(code)"""
"""What that of the one file has it run: a part of the file."""

_MAIN = b"import ec2rl.__main__\n"
"""For whoever runs the file by a Python and not by sh."""


class Archive:
    """A zip archive behind `base` bytes of something else: the same bytes whoever makes it."""

    def __init__(self, base: int, when: int) -> None:
        self._base = base
        self._stamp = time.gmtime(max(when, 315532800))[:6]  # a zip knows no time before 1980
        self._bytes = io.BytesIO()
        self._zip = zipfile.ZipFile(self._bytes, "w")

    def add(self, name: str, data: bytes, packed: bool = True) -> tuple[int, int]:
        """Add a file; where what was written of it lies in the whole, and how long it is."""
        about = zipfile.ZipInfo(name, self._stamp)
        about.external_attr = 0o644 << 16
        about.create_system = 3  # Unix, on any
        how = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
        self._zip.writestr(about, data, how, 9)
        written = self._zip.getinfo(name)
        assert not written.extra
        begins = self._base + written.header_offset + 30 + len(name.encode())
        return begins, written.compress_size

    def whole(self) -> bytes:
        self._zip.close()
        return self._bytes.getvalue()


def stub(at: int, length: int) -> bytes:
    """Give the launcher, for what is to be run at this place; its length is always the same."""
    text = (ROOT / "ec2rl").read_text()
    assert text.count(_CHECKOUT) == 3
    text = text.replace(_CHECKOUT, '-c "$start" "$root/${self##*/}"')
    first, newline, rest = text.partition("\n")
    start = _START.format(at, length, length)
    # Of braces that do not close, as in a copy that ends within them, a shell runs nothing.
    return f"{first}{newline}{{\nstart='{start}'\n{rest}exit 70\n}}\n".encode()


def compiled(python: Path, names: Iterable[str]) -> tuple[str, dict[str, tuple[bool, bytes]]]:
    """Compile by one Python: the mark of its bytecode, and each module's."""
    made = subprocess.run(
        [python, "-s", "-S", ROOT / "building/compile.py", ROOT / "src"],
        input="\n".join(names).encode(), capture_output=True, check=True,
        env={"PYTHONHASHSEED": "0", "PATH": "/usr/bin:/bin"},  # sets among constants: one order
    )  # fmt: skip
    mark, found = marshal.loads(made.stdout)  # noqa: S302 - our own words
    return mark, found


def deflated(data: bytes) -> bytes:
    """Give data as a zip holds it."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def one_file(target: Path, names: list[str], pythons: Iterable[Path], when: int) -> None:
    """Write the one file, to be run by itself or by `sh FILE`."""
    base = len(stub(0, 0))
    archive = Archive(base, when)
    archive.add("__main__.py", _MAIN)
    listed = "\n".join(name.removeprefix("ec2rl/") for name in names).encode()
    texts = {"ec2rl/FILES": listed, **{n: (ROOT / "src" / n).read_bytes() for n in names}}
    shipped = {name: archive.add(name, data) for name, data in texts.items()}
    trees = {}
    for python in pythons:
        mark, modules = compiled(python, names)
        pieces = {name: deflated(code) for name, (_, code) in modules.items()}
        begins, _ = archive.add(f"tree/{mark}", b"".join(pieces.values()), packed=False)
        places = dict(shipped)
        for name, piece in pieces.items():
            places[name] = begins, len(piece)
            begins += len(piece)
        index = marshal.dumps(({name: one[0] for name, one in modules.items()}, places), 2)
        trees[mark] = archive.add(f"tree/{mark}.index", index)
    code = (ROOT / "building/start.py").read_text()
    code += f"sys.argv[0:2] = sys.argv[1:2]\nstart(sys.argv[0], file, {trees!r})\n"
    code += "import ec2rl.__main__\n"
    at, length = archive.add("start.py", code.encode(), packed=False)
    target.write_bytes(stub(at, length) + archive.whole())
    os.chmod(target, 0o755)  # noqa: S103 - anybody may run it
