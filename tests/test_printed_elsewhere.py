"""Commands that a run prints of a volume, an archive, a pasted log, and to an ordinary user.

Each is typed as it stands where it was printed; with sudo, by root, as sudo(8) would have it.
"""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from support.typed import ROOT, printed, shell

pytestmark = pytest.mark.slow

FULL = "nf_conntrack: nf_conntrack: table full, dropping packet"
DMESG = f"[    0.000000] Linux version 6.1.0\n[  100.000000] {FULL}\n[  101.000000] {FULL}\n"
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that anybody may look into, with the program by its name and evidence beside it."""
    with TemporaryDirectory() as made:
        place = Path(made)
        place.chmod(0o777)
        (place / "ec2rl").symlink_to(ROOT / "ec2rl")
        (place / "dmesg of web.txt").write_text(DMESG)
        lines = "".join(
            f"Nov 24 01:00:0{n} web kernel: [  10{n}.000000] {FULL}\n" for n in range(5)
        )
        for name in ("etc", "usr", "var/log"):
            (place / "a volume" / name).mkdir(parents=True)
        (place / "a volume/etc/os-release").write_text("ID=debian\n")
        (place / "a volume/var/log/messages").write_text(lines)
        inside = place / "sosreport-web"
        (inside / "sos_commands/kernel").mkdir(parents=True)
        (inside / "sos_commands/kernel/dmesg").write_text(DMESG)
        (inside / "proc").mkdir()
        (inside / "proc/meminfo").write_text("MemTotal: 4000000 kB\n")
        with tarfile.open(place / "sos.tar", "w") as archive:
            archive.add(inside, inside.name)
        yield place


def typed(first: str, folder: Path, user: tuple[str, ...] = ()) -> list[str]:
    """Type a command and all that it prints; each of them works, and the words of all."""
    to_do, done = [first], list[str]()
    while to_do:
        words = to_do.pop(0)
        done.append(words)
        as_root = words.startswith("sudo ")
        here = words.removeprefix("sudo ")
        if " run" in here:
            here = here.replace("=FOLDER", "='a volume'")
            here = here.replace("=FILE", f"={folder}/new-{len(done)}").replace(
                " FILE", " 'dmesg of web.txt'"
            )
            here += "" if "--record" in here else " --no-save"
        environment = "SUDO_UID=65534 SUDO_GID=65534 SUDO_USER=nobody " if as_root and user else ""
        shown = shell(environment + here, user=() if as_root else user, folder=folder)
        assert shown.returncode in (0, 1, 3), (words, shown.stderr)
        assert "Traceback" not in shown.stderr
        if len(done) == 1:
            to_do = [one for one in printed(shown.stdout) if one != words]
    return done


@pytest.mark.parametrize(
    ("evidence", "wanted"),
    [
        ("--root='a volume'", "fix conntrackfull --root="),
        ("--sos=sos.tar", "explain conntrackfull --sos=sos.tar"),
        ("'dmesg of web.txt'", "explain conntrackfull 'dmesg of web.txt'"),
        ("--log='dmesg of web.txt'", "explain conntrackfull --log='dmesg of web.txt'"),
    ],
)
@pytest.mark.parametrize("user", [(), NOBODY], ids=["root", "nobody"])
def test_of_what_is_left_of_a_machine(
    evidence: str, wanted: str, user: tuple[str, ...], folder: Path
) -> None:
    if os.geteuid():
        pytest.skip("needs root, to be somebody else")
    done = typed(f"./ec2rl run --no-save -v {evidence}", folder, user)
    assert any(wanted in one for one in done), done
    assert any("--record=FILE" in one for one in done)
    # Saved evidence needs no right; a volume of root's does, and a change of one.
    with_sudo = [one for one in done if one.startswith("sudo ") and "run --root=" not in one]
    assert {one.split()[2] for one in with_sudo} <= {"fix"}


def test_to_an_ordinary_user(folder: Path) -> None:
    if os.geteuid():
        pytest.skip("needs root, to be somebody else")
    done = typed("./ec2rl run --no-save -v", folder, NOBODY)
    assert "sudo ./ec2rl run" in done
    assert [one for one in done[1:] if not one.startswith("sudo ")] == []


@pytest.mark.parametrize("words", ["runn", "explain", "run --only-modules=no", "conntrack to --x"])
def test_where_a_mistake_is_told_help_is_a_command_too(words: str, folder: Path) -> None:
    told = shell(f"./ec2rl {words}", folder=folder)
    assert told.returncode == 2
    last = told.stderr.splitlines()[-1].partition("see: ")[2]
    assert last.startswith("./ec2rl ")
    assert shell(last, folder=folder).returncode == 0


def test_by_a_path_and_by_a_name_of_the_path(folder: Path) -> None:
    said = shell(f"{folder}/ec2rl help kernelbug", folder=Path("/"))
    (run, page) = printed(said.stdout, f"{folder}/ec2rl")
    assert shell(f"{page} --page-only", folder=Path("/")).returncode == 0
    assert shell(f"{run} --no-save", folder=Path("/")).returncode in (0, 1, 3)
