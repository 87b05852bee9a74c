"""A release on bare roots of Debian: installed, run, purged, and nothing is left.

Each root takes minutes and a registry, so they are named: `EC2RL_BARE_ROOTS=bullseye,trixie`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from support.answers import validate

ROOT = Path(__file__).resolve().parents[1]
SUITES = list(filter(None, os.environ.get("EC2RL_BARE_ROOTS", "").split(",")))

pytestmark = [
    pytest.mark.slow,
    pytest.mark.root,
    pytest.mark.skipif(
        not SUITES or os.geteuid() != 0 or shutil.which("debootstrap") is None,
        reason="bare roots: needs root, debootstrap, and EC2RL_BARE_ROOTS=bookworm,trixie",
    ),
]

INSIDE = """
files() {
    find / -xdev \\( -path /proc -o -path /sys -o -path /dev -o -path /tmp -o -path /root \\
        -o -path /var/lib/dpkg -o -path /var/lib/apt -o -path /var/cache -o -path /var/log \\) \\
        -prune -o -print | sort
}
export DEBIAN_FRONTEND=noninteractive
sh /root/one version; echo "no python $?"
apt-get install -y -qq --no-install-recommends python3 >/dev/null 2>&1
files > /root/before
for form in /root/one 'sh /root/one' ec2rl; do
    [ "$form" != ec2rl ] || apt-get install -y -qq /root/ec2rl.deb >/dev/null 2>&1
    $form version
    $form run --only-modules=xennetrocket >/dev/null || [ $? = 3 ] && echo ran
    $form run --no-save --json | tee "/root/report-$(echo "$form" | tr -c 'a-z\n' -).json" |
        grep -c schema_version
    $form fix conntrackfull --dry-run >/root/plan && echo planned || cat /root/plan
    $form history
done
apt-get purge -y -qq ec2rl >/dev/null 2>&1
files > /root/after
diff /root/before /root/after && echo nothing is left
"""

ENTER = """
for one in proc sys dev; do mount --rbind /$one "$0/$one"; done
mount -t tmpfs none "$0/tmp"
cp /etc/resolv.conf /etc/hosts "$0/etc/"
exec chroot "$0" sh -c "$1"
"""


@pytest.mark.parametrize("suite", SUITES or ["none"])
def test_each_form_on_a_bare_root(suite: str, tmp_path: Path) -> None:
    root, out = tmp_path / "root", tmp_path / "out"
    subprocess.run([ROOT / "release", "--dirty", "--out", out, "one-file", "deb"], check=True)
    made = subprocess.run(
        ["debootstrap", "--variant=minbase", suite, root],
        stdout=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    if made.returncode:
        pytest.skip(f"no bare {suite}: {made.stdout.strip().splitlines()[-1]}")
    shutil.copy(out / "ec2rl", root / "root/one")
    shutil.copy(next(out.glob("*.deb")), root / "root/ec2rl.deb")
    done = subprocess.run(
        ["unshare", "-m", "--propagation=private", "sh", "-c", ENTER, root, INSIDE],
        capture_output=True, text=True, timeout=1200, check=False,
    )  # fmt: skip
    first, *each = done.stdout.splitlines()
    assert first == "no python 69"
    version = each[0]
    form = [version, "ran", "1", "planned", "No change was made here."]
    assert each == [*form * 3, "nothing is left"], done.stdout + done.stderr
    reports = [path.read_text() for path in (root / "root").glob("report-*.json")]
    assert len(reports) == 3
    for report in reports:
        assert validate("run", report)["tool"]["version"] == version.split()[1]
