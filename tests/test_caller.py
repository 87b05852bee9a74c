"""Root that works for somebody else (sudo, pkexec, doas) gives them no right that is root's."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from ec2rl.caller import Caller, Rights, caller_of

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root to be asked by somebody else"),
]

EC2RL = Path(__file__).parent.parent / "ec2rl"
NOBODY = 65534
ASKED = [
    {"SUDO_UID": str(NOBODY), "SUDO_GID": str(NOBODY), "SUDO_USER": "nobody"},
    {"PKEXEC_UID": str(NOBODY)},
    {"DOAS_USER": "nobody"},
]
LINE = "[    9.000000] nf_conntrack: nf_conntrack: table full, dropping packet\n"


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that anybody may write to, and a way to it for everybody."""
    with TemporaryDirectory(prefix="ec2rl-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o777)
        yield folder


def ec2rl(asked: dict[str, str], *words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], **asked}
    return subprocess.run(
        [str(EC2RL), *words], env=environment, cwd=cwd, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip


def owner(path: Path) -> tuple[int, int]:
    status = path.lstat()
    return status.st_uid, status.st_gid


@pytest.mark.parametrize("asked", ASKED, ids=lambda asked: next(iter(asked)))
@pytest.mark.parametrize("option", ["record", "output-dir"])
@pytest.mark.sampled(3)
def test_nothing_new_in_a_place_of_root(
    option: str, asked: dict[str, str], open_folder: Path
) -> None:
    """As /etc/cron.d, /etc/profile.d, /etc/sudoers.d: folders that root alone writes to."""
    for name in ("cron.d", "profile.d", "sudoers.d"):
        folder = open_folder / name
        folder.mkdir(mode=0o755)
        done = ec2rl(asked, "run", f"--{option}={folder}/x", "--interval=0", cwd=open_folder)
        assert list(folder.iterdir()) == []
        assert f"(with the rights of user {NOBODY}, by {next(iter(asked))})" in done.stderr


@pytest.mark.parametrize("asked", ASKED, ids=lambda asked: next(iter(asked)))
@pytest.mark.more
def test_what_is_made_in_a_place_of_theirs_is_theirs(
    asked: dict[str, str], open_folder: Path
) -> None:
    home = open_folder / "home"
    home.mkdir(mode=0o700)
    os.chown(home, NOBODY, NOBODY)
    open_folder.chmod(0o755)
    for words in ((), (f"--log={open_folder / 'log'}",)):
        (open_folder / "log").write_text(LINE)
        record = home / f"record{len(words)}"
        done = ec2rl(
            asked, "run", "--interval=0", f"--record={record}", f"--output-dir={home / 'out'}",
            *words, cwd=home,
        )  # fmt: skip
        assert done.stderr == ""
    made = list(home.rglob("*"))
    assert len([path for path in made if path.name == "report.txt"]) == 2
    assert {owner(path) for path in made} == {(NOBODY, NOBODY)}
    assert {path.stat().st_mode & 0o077 for path in made} == {0}


@pytest.mark.parametrize("asked", ASKED, ids=lambda asked: next(iter(asked)))
def test_evidence_that_only_root_may_read_is_read(asked: dict[str, str], open_folder: Path) -> None:
    """As `sudo ec2rl run --sos`: sos makes its archives root's alone."""
    log = open_folder / "log"
    log.write_text(LINE + "root:$6$salt$hash:20000:0:99999:7:::\n")
    log.chmod(0o600)
    done = ec2rl(asked, "run", "--no-save", f"--log={log}", cwd=open_folder)
    assert "Conntrack table full errors found." in done.stdout
    assert "hash" not in done.stdout + done.stderr, "nothing but the lines that are looked for"


@pytest.mark.parametrize("asked", [{}, {"SUDO_UID": "0", "SUDO_GID": "0"}, {"DOAS_USER": "root"}])
@pytest.mark.more
def test_root_that_works_for_itself_has_its_own_rights(
    asked: dict[str, str], open_folder: Path
) -> None:
    log = open_folder / "log"
    log.write_text(LINE)
    log.chmod(0o600)
    open_folder.chmod(0o755)
    saving = (f"--record={open_folder / 'x'}", f"--output-dir={open_folder / 'out'}")
    done = ec2rl(asked, "run", "--no-save", f"--log={log}", cwd=open_folder)
    assert "Conntrack table full errors found." in done.stdout
    assert ec2rl(asked, "run", "--interval=0", *saving, cwd=open_folder).stderr == ""
    assert {owner(path) for path in open_folder.rglob("*")} == {(0, 0)}


def test_who_is_not_root_is_believed_nothing(open_folder: Path) -> None:
    """It would give away no right: it has none to give."""
    program = (
        "import os, sys; sys.path.insert(0, sys.argv[1]); from ec2rl.caller import caller_of; "
        "os.setuid(65534); sys.exit(caller_of({'SUDO_UID': '1234'}) is not None)"
    )
    command = [sys.executable, "-c", program, str(EC2RL.parent / "src")]
    assert subprocess.run(command, check=False).returncode == 0


@pytest.mark.parametrize(
    ("environment", "known"),
    [
        ({"SUDO_UID": "4711", "SUDO_GID": "4712"}, Caller(4711, 4712, (4712,), "SUDO_UID")),
        ({"SUDO_UID": "4711"}, Caller(4711, NOBODY, (NOBODY,), "SUDO_UID")),
        ({"SUDO_UID": "0", "PKEXEC_UID": "4711"}, Caller(4711, NOBODY, (NOBODY,), "PKEXEC_UID")),
        ({"SUDO_UID": "root"}, Caller(NOBODY, NOBODY, (NOBODY,), "SUDO_UID")),
        ({"SUDO_UID": "-1", "SUDO_GID": "0x0"}, Caller(NOBODY, NOBODY, (NOBODY,), "SUDO_UID")),
        ({"SUDO_UID": "4294967295"}, Caller(NOBODY, NOBODY, (NOBODY,), "SUDO_UID")),
        ({"SUDO_UID": "4294967296"}, Caller(NOBODY, NOBODY, (NOBODY,), "SUDO_UID")),
        ({"SUDO_UID": ""}, Caller(NOBODY, NOBODY, (NOBODY,), "SUDO_UID")),
        ({"DOAS_USER": "no such user"}, Caller(NOBODY, NOBODY, (NOBODY,), "DOAS_USER")),
        ({"SUDO_UID": "0"}, None),
        ({"SUDO_USER": "nobody"}, None),
        ({}, None),
    ],
)
def test_who_asked(environment: dict[str, str], known: Caller | None) -> None:
    assert caller_of(environment) == known


def test_rights_are_lent_and_given_back() -> None:
    before = os.getresuid(), os.getresgid(), os.getgroups()
    rights = Rights(ASKED[0])
    for _ in range(2):
        with rights:
            assert (os.getuid(), os.geteuid(), os.getgid(), os.getegid()) == (NOBODY,) * 4
            assert os.getgroups() == [NOBODY]
            started = subprocess.run(["id", "-u"], capture_output=True, check=True).stdout
            assert started == b"65534\n"
            with pytest.raises(PermissionError):
                os.open("/etc/ec2rl-new", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        assert (os.getresuid(), os.getresgid(), os.getgroups()) == before
