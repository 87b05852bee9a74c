"""The package for Fedora, RHEL and their kin, made by rpmbuild."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

from building.tree import date, empty, lay

_SPEC = """\
Name: ec2rl
Version: {version}
Release: {release}
Summary: Diagnose, prove and fix faults of a Linux machine
License: Apache-2.0
BuildArch: noarch
Requires: /usr/bin/python3
Requires: python3 >= 3.9
AutoReqProv: no
%global _buildhost ec2rl
%global use_source_date_epoch_as_buildtime 1
%global clamp_mtime_to_source_date_epoch 1
%global __os_install_post %{{nil}}
%global _binary_payload w9.gzdio

%description
On a Linux machine in trouble, one command says what is wrong, proves it from evidence, fixes it
safely, and can take the fix back.

%install
cp -a {tree}/. %{{buildroot}}/

%preun
# What Python keeps of what it has compiled.
find /usr/share/ec2rl -name __pycache__ -type d -prune -exec rm -rf {{}} + || :

%files
/usr/bin/ec2rl
/usr/share/ec2rl
/usr/share/man/man8/ec2rl.8.gz
/usr/share/bash-completion/completions/ec2rl
/usr/share/zsh/site-functions/_ec2rl
/usr/share/fish/vendor_completions.d/ec2rl.fish

%changelog
* {day} ec2rl maintainers <maintainers@ec2rl.invalid> - {version}-{release}
- See CHANGELOG.md of the sources
"""


def rpm(folder: Path, names: list[str], version: str, when: int) -> Path:
    """Make the package in a folder, and give its path. CalledProcessError where rpmbuild fails."""
    number, _, dev = version.partition(".dev")
    root, top = empty(folder / "rpm/tree"), folder / "rpm/top"
    lay(root, names, version, when)
    ours = root / "usr/share/zsh/vendor-completions"  # Debian's name of the folder
    ours.rename(ours.parent / "site-functions")
    date(root, when)
    os.environ["LC_ALL"] = "C"
    day = time.strftime("%a %b %d %Y", time.gmtime(when))
    release = f"0.dev{dev}" if dev else "1"
    spec = folder / "rpm/ec2rl.spec"
    spec.write_text(_SPEC.format(version=number, release=release, tree=root, day=day))
    subprocess.run(
        ["rpmbuild", "-bb", "--quiet", "--define", f"_topdir {top}", spec],
        env={**os.environ, "SOURCE_DATE_EPOCH": str(when), "LC_ALL": "C"},
        check=True, capture_output=True,
    )  # fmt: skip
    (made,) = top.glob("RPMS/noarch/*.rpm")
    return made.rename(folder / made.name)
