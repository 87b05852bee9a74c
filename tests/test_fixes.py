"""`ec2rl fix` without a module: what can be fixed of a machine, and in which order."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.answers import validate
from test_fstab_fix import ROOT, STOPPED, ec2rl, volume

pytestmark = [pytest.mark.root, pytest.mark.more]

WORLD = "root:x:0:0:root:/root:/bin/sh\n"


def broken(folder: Path, fstab: bytes = ROOT + b"/dev/sdz /data xfs defaults 0 2\n") -> Path:
    """A machine whose boot stopped for /data, and where all may write who its users are."""
    root = volume(folder, fstab, STOPPED)
    for name in ("bin", "root", "usr/bin"):
        (root / name).mkdir(exist_ok=True)
    (root / "bin/sh").write_text("")
    (root / "bin/sh").chmod(0o755)
    (root / "etc/passwd").write_text(WORLD)
    (root / "etc/passwd").chmod(0o640)
    return root


def everything(root: Path) -> list[tuple[str, int, bytes]]:
    return sorted(
        (str(one), one.lstat().st_mode, one.read_bytes() if one.is_file() else b"")
        for one in root.rglob("*")
    )


def test_what_stops_the_boot_comes_first_and_nothing_is_changed(tmp_path: Path) -> None:
    root = broken(tmp_path)
    before = everything(root)
    done = ec2rl("fix", f"--root={root}")
    assert (done.returncode, done.stderr) == (3, "")  # its conntrack table cannot be judged
    assert everything(root) == before
    steps = [line for line in done.stdout.split("\n") if "To fix it:" in line]
    plans = [line.split("ec2rl fix ")[1] for line in steps]
    assert plans == [f"{name} --root={root}" for name in ("fstabfailures", "loginfiles")]
    made = validate("fix", ec2rl("fix", f"--root={root}", "--json", "--dry-run").stdout)
    names = [one["module"] for one in made["fixes"]]
    assert names.index("fstabfailures") < names.index("loginfiles") < names.index("neighbourfull")
    assert everything(root) == before
    for plan in plans:
        assert ec2rl("fix", *plan.split(), "--yes").returncode == 0
    assert "To fix it:" not in ec2rl("fix", f"--root={root}").stdout


def test_where_all_is_well_there_is_nothing_to_fix(tmp_path: Path) -> None:
    root = broken(tmp_path, ROOT)
    (root / "etc/passwd").chmod(0o644)
    said = ec2rl("fix", f"--root={root}").stdout
    assert "Nothing that this program fixes was found." in said
    assert "To fix it:" not in said


@pytest.mark.parametrize("option", ["--set=max=1000000", "--yes", "--try", "--risky"])
def test_what_is_of_one_fix_names_its_module(option: str) -> None:
    done = ec2rl("fix", option)
    assert done.returncode == 2
    name = option.partition("=")[0]
    assert f"{name} is of one fix: name its module: one of auditdhalts, " in done.stderr
