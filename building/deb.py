"""The package for Debian and Ubuntu, made by dpkg-deb."""

from __future__ import annotations

import hashlib
import os
import subprocess
from email.utils import formatdate
from pathlib import Path

from building.tree import date, empty, lay, packed, write

MAINTAINER = "ec2rl maintainers <maintainers@ec2rl.invalid>"

_CONTROL = """\
Package: ec2rl
Version: {version}
Architecture: all
Maintainer: {maintainer}
Installed-Size: {size}
Depends: python3:any (>= 3.9)
Suggests: xz-utils, zstd
Section: admin
Priority: optional
Description: diagnose, prove and fix faults of a Linux machine
 On a Linux machine in trouble, one command says what is wrong, proves it from
 evidence, fixes it safely, and can take the fix back. It knows full
 connection-tracking and neighbour tables, OOM kills, kernel panics, lockups
 and more, on this machine, on a mounted volume, and in saved logs.
"""

_COPYRIGHT = """\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: ec2rl

Files: *
Copyright: 2025-2026 The ec2rl contributors
License: Apache-2.0
 On Debian systems, the whole text of this licence is in
 /usr/share/common-licenses/Apache-2.0.
"""

_POSTINST = """\
#!/bin/sh
set -e
if [ "$1" = configure ] && command -v py3compile >/dev/null; then
    py3compile -p ec2rl /usr/share/ec2rl
fi
"""

_PRERM = """\
#!/bin/sh
set -e
if command -v py3clean >/dev/null; then
    py3clean -p ec2rl
fi
# What another Python has compiled.
find /usr/share/ec2rl -name __pycache__ -type d -prune -exec rm -rf {} +
"""

_POSTRM = """\
#!/bin/sh
set -e
# The results of runs go. So does the journal, unless changes of the machine are in force: nothing
# could undo these any more.
if [ "$1" = purge ]; then
    store=/var/lib/ec2rl
    find /var/tmp -maxdepth 1 -name ec2rl -type l -user root -lname "$store" -delete
    if [ -d "$store" ] && [ ! -L "$store" ]; then
        in_force=
        for record in "$store"/changes/*.json; do
            [ -f "$record" ] || continue
            if ! grep -q '^ *"state": "undone"' "$record"; then
                in_force="$in_force ${record##*/}"
            fi
        done
        if [ -n "$in_force" ]; then
            find "$store" -mindepth 1 -maxdepth 1 ! -name changes -exec rm -rf {} +
            echo "ec2rl: changes that it made are in force; they, and their records, are left:" >&2
            echo "    $store/changes:$in_force" >&2
            echo "To take them back: install ec2rl again, then: ec2rl history, ec2rl undo" >&2
        else
            rm -rf "$store"
        fi
    fi
    rm -rf /run/ec2rl
fi
"""


_OVERRIDES = """\
# A link of root's in a sticky folder, which nobody else can change, is looked at and removed.
ec2rl: possibly-insecure-handling-of-tmp-files-in-maintainer-script /var/tmp [postrm:*]
"""


def deb(folder: Path, names: list[str], version: str, when: int) -> Path:
    """Make the package in a folder, and give its path. CalledProcessError where dpkg-deb fails."""
    debian = version.replace(".dev", "~dev")
    root = empty(folder / "deb")
    lay(root, names, version, when)
    doc = root / "usr/share/doc/ec2rl"
    write(doc / "copyright", _COPYRIGHT.encode())
    write(root / "usr/share/lintian/overrides/ec2rl", _OVERRIDES.encode())
    told = f"ec2rl ({debian}) unstable; urgency=medium\n\n  * See CHANGELOG.md of the sources.\n\n"
    told += f" -- {MAINTAINER}  {formatdate(when)}\n"
    write(doc / "changelog.gz", packed(told.encode()))
    control = root / "DEBIAN"
    files = sorted(p for p in root.rglob("*") if p.is_file() and not p.is_symlink())
    sums = (f"{hashlib.md5(p.read_bytes()).hexdigest()}  {p.relative_to(root)}\n" for p in files)  # noqa: S324 - the format's
    write(control / "md5sums", "".join(sums).encode())
    size = sum(-(-p.stat().st_size // 1024) for p in files)
    about = _CONTROL.format(version=debian, size=size, maintainer=MAINTAINER)
    write(control / "control", about.encode())
    for name, text in (("postinst", _POSTINST), ("prerm", _PRERM), ("postrm", _POSTRM)):
        write(control / name, text.encode(), 0o755)
    date(root, when)
    target = folder / f"ec2rl_{debian}_all.deb"
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-Zxz", "--build", root, target],
        env={**os.environ, "SOURCE_DATE_EPOCH": str(when)}, check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    return target
