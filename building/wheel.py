"""The wheel, as the binary distribution format 1.0 has it (PEP 427): one zip, made by hand."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from building.one_file import Archive
from building.sources import ROOT

_METADATA = """\
Metadata-Version: 2.1
Name: ec2rl
Version: {version}
Summary: EC2 Rescue for Linux: says what is wrong, proves it, fixes it, and takes the fix back
License: Apache-2.0
Requires-Python: >=3.9
Description-Content-Type: text/markdown

{readme}"""

_WHEEL = "Wheel-Version: 1.0\nGenerator: ec2rl\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
_ENTRY = "[console_scripts]\nec2rl = ec2rl.cli:main\n"


def wheel(folder: Path, names: list[str], version: str, when: int) -> Path:
    """Write the wheel into a folder, and give its path."""
    info = f"ec2rl-{version}.dist-info"
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    files = {name: (ROOT / "src" / name).read_bytes() for name in names}
    files[f"{info}/LICENSE"] = (ROOT / "LICENSE").read_bytes()
    files[f"{info}/METADATA"] = _METADATA.format(version=version, readme=readme).encode()
    files[f"{info}/WHEEL"] = _WHEEL.encode()
    files[f"{info}/entry_points.txt"] = _ENTRY.encode()
    rows = [f"{name},sha256={_digest(data)},{len(data)}" for name, data in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*rows, f"{info}/RECORD,,", ""]).encode()
    archive = Archive(0, when)
    for name, data in files.items():
        archive.add(name, data)
    target = folder / f"ec2rl-{version}-py3-none-any.whl"
    target.write_bytes(archive.whole())
    return target


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
