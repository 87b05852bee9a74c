"""`./ec2rl`: what the caller's environment and folder hold never runs, and every start is the same.

What a script cannot prevent: LD_PRELOAD, LD_AUDIT and LD_LIBRARY_PATH of the caller are taken by
/bin/sh itself before its first line (the kernel drops them only where rights change, sudo always),
and a bash that is started as /bin/sh obeys SHELLOPTS and PS4 of a user who is not root.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
LAUNCHER = ROOT / "ec2rl"
NOBODY = ("/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
MODULES = (
    *("os", "re", "json", "subprocess", "socket", "signal", "select", "time", "stat", "struct"),
    *("encodings", "codecs", "io", "abc", "site", "sitecustomize", "usercustomize", "ec2rl"),
    *("resource", "marshal", "pickle", "ctypes", "pwd", "importlib", "enum", "collections"),
)
PROGRAMS = (
    *("python3", "python", "readlink", "sh", "env", "uname", "id", "conntrack", "journalctl"),
    *("zstd", "xz", "ethtool", "python3.13", "python3.9", "[", "printf", "command"),
)


@pytest.fixture
def trap() -> Iterator[Path]:
    """A folder full of things that leave `sentinel` behind when they run."""
    made = Path(tempfile.mkdtemp(prefix="hadv-"))
    try:
        yield filled(made)
    finally:
        shutil.rmtree(made)


def filled(tmp_path: Path) -> Path:
    folder = tmp_path / "trap"
    folder.mkdir()
    sentinel = tmp_path / "sentinel"
    python = f"open({str(sentinel)!r}, 'w').write(__name__)\n"
    for name in MODULES:
        (folder / f"{name}.py").write_text(python)
    (folder / "x.pth").write_text(f"import os; {python}")
    (folder / "startup.py").write_text(python)
    (folder / "startup.sh").write_text(f"echo sh > {sentinel}\n")
    (folder / "lib/python3.11").mkdir(parents=True)
    (folder / "lib/python3.11/os.py").write_text(python)
    (folder / "lib/python3.11/encodings").mkdir()
    (folder / "lib/python3.11/encodings/__init__.py").write_text(python)
    bin_folder = folder / "bin"
    bin_folder.mkdir()
    for name in PROGRAMS:
        (bin_folder / name).write_text(f"#!/bin/sh\necho {name} > {sentinel}\n")
        (bin_folder / name).chmod(0o755)
        shutil.copy(bin_folder / name, folder / f"{name}-here")
    for path in (tmp_path, folder):
        path.chmod(0o777)
    return folder


def vectors(trap: Path) -> dict[str, dict[str, str]]:
    here, start = str(trap), str(trap / "startup.py")
    function = f"() {{ echo function > {trap.parent}/sentinel; }}"
    return {
        "nothing": {},
        "PYTHONPATH": {"PYTHONPATH": here},
        "PYTHONHOME": {"PYTHONHOME": here},
        "PYTHONSTARTUP": {"PYTHONSTARTUP": start},
        "PYTHONUSERBASE": {"PYTHONUSERBASE": here},
        "PYTHONPLATLIBDIR": {"PYTHONPLATLIBDIR": "lib", "PYTHONHOME": here},
        "PYTHONEXECUTABLE": {"PYTHONEXECUTABLE": str(trap / "bin/python3")},
        "PYTHONINSPECT": {"PYTHONINSPECT": "1"},
        "PYTHONBREAKPOINT": {"PYTHONBREAKPOINT": "os.system"},
        "PYTHONWARNINGS": {"PYTHONWARNINGS": "error", "PYTHONPATH": here},
        "PYTHONPYCACHEPREFIX": {"PYTHONPYCACHEPREFIX": here},
        "PYTHONCASEOK": {"PYTHONCASEOK": "1", "PYTHONPATH": here},
        "PYTHONSAFEPATH": {"PYTHONSAFEPATH": ""},
        "PYTHONIOENCODING": {"PYTHONIOENCODING": "nonsense"},
        "PYTHONMALLOC": {"PYTHONMALLOC": "debug"},
        "PYTHONDEVMODE": {"PYTHONDEVMODE": "1"},
        "PYTHONPERFSUPPORT": {"PYTHONPERFSUPPORT": "1"},
        "VIRTUAL_ENV": {"VIRTUAL_ENV": here},
        "__PYVENV_LAUNCHER__": {"__PYVENV_LAUNCHER__": here},
        "PATH": {"PATH": f"{here}/bin"},
        "PATH with the folder": {"PATH": f".:{here}/bin:/usr/bin:/bin"},
        "PATH empty": {"PATH": ""},
        "BASH_ENV": {"BASH_ENV": str(trap / "startup.sh")},
        "ENV": {"ENV": str(trap / "startup.sh")},
        "IFS": {"IFS": "/ec2rlpython3.-"},
        "CDPATH": {"CDPATH": here},
        "PS4": {"PS4": f"$(echo x > {trap.parent}/sentinel)"},
        "PROMPT_COMMAND": {"PROMPT_COMMAND": f"echo x > {trap.parent}/sentinel"},
        "function printf": {"BASH_FUNC_printf%%": function},
        "function readlink": {"BASH_FUNC_readlink%%": function},
        "function [": {"BASH_FUNC_[%%": function},
        "function exec": {"BASH_FUNC_exec%%": function},
        "function unset": {"BASH_FUNC_unset%%": function},
        "function old": {"readlink": function},
        "shellshock": {"x": f"() {{ :;}}; echo x > {trap.parent}/sentinel"},
        "LD_LIBRARY_PATH": {"LD_LIBRARY_PATH": here},
        "TMPDIR": {"TMPDIR": here},
        "HOME": {"HOME": here},
        "XDG_STATE_HOME": {"XDG_STATE_HOME": here},
        "LANG": {"LANG": "../../../trap", "LC_ALL": "xx_YY.garbage\x1b"},
        "LOCPATH": {"LOCPATH": here, "LC_ALL": "de_DE.UTF-8"},
        "TZ": {"TZ": f":{here}/startup.py"},
        "PAGER": {"PAGER": str(trap / "bin/sh"), "EDITOR": str(trap / "bin/sh")},
        "TERM": {"TERM": "../../x\x1b[2J", "TERMINFO": here},
        "BASHOPTS": {"BASHOPTS": "extdebug"},
        "POSIXLY_CORRECT": {"POSIXLY_CORRECT": "1"},
        "a name that is none": {"a b%c": "x"},
    }


def start(
    *words: str,
    cwd: Path,
    env: dict[str, str] | None = None,
    user: tuple[str, ...] = (),
    **more: Any,
) -> subprocess.CompletedProcess[str]:
    whole = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", **(env or {})}
    return subprocess.run(
        [*user, *words],
        cwd=cwd, env=whole, capture_output=True, text=True, errors="replace", timeout=60,
        check=False, **more,
    )  # fmt: skip


def usable(user: tuple[str, ...], cwd: Path) -> None:
    if user and os.geteuid():
        pytest.skip("needs root to become another user")
    done = start(str(LAUNCHER), "version", cwd=cwd, user=user)
    if done.returncode:
        pytest.skip(f"this user cannot start it at all: {done.stderr}")


def version() -> str:
    from ec2rl import __version__

    return f"ec2rl {__version__}\n"


SHELLS = [(), ("dash",), ("bash", "--posix"), ("busybox", "sh")]


@pytest.mark.slow
@pytest.mark.parametrize("user", [(), NOBODY], ids=["we", "nobody"])
@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: "-".join(shell) or "sh")
def test_forty_ways_to_have_something_else_run(
    trap: Path, user: tuple[str, ...], shell: tuple[str, ...]
) -> None:
    usable(user, trap)
    if shell and shutil.which(shell[0]) is None:
        pytest.skip(f"no {shell[0]} here")
    sentinel = trap.parent / "sentinel"
    ways = vectors(trap)
    assert len(ways) >= 40
    link = trap / "link"
    link.symlink_to(LAUNCHER)
    for name, env in ways.items():
        if shell and shell[0] == "bash" and name in ("function exec", "function unset"):
            continue  # bash in its POSIX mode does not start at all: special builtins are reserved
        for program in (LAUNCHER, link):
            command = (*(shutil.which(shell[0]) or "", *shell[1:]),) if shell else ()
            done = start(*command, str(program), "version", cwd=trap, env=env, user=user)
            assert not sentinel.exists(), (name, sentinel.read_text())
            assert (done.returncode, done.stdout) == (0, version()), (name, done.stderr)


def test_a_whole_run_among_traps(trap: Path) -> None:
    env = {**vectors(trap)["PYTHONPATH"], "PATH": f"{trap}/bin", "TMPDIR": str(trap)}
    out = trap.parent / "out"
    done = start(str(LAUNCHER), "run", "--interval=0", f"--output-dir={out}", cwd=trap, env=env)
    assert "[Diagnostic Results]" in done.stdout or done.returncode == 2
    assert not (trap.parent / "sentinel").exists()


@pytest.mark.parametrize("where", ["/", "/proc", "/tmp", str(ROOT), str(ROOT / "src")])
def test_from_any_folder(where: str) -> None:
    assert start(str(LAUNCHER), "version", cwd=Path(where)).stdout == version()


def test_by_a_relative_path_and_by_name() -> None:
    for words in (["./ec2rl"], ["src/../ec2rl"], ["sh", "ec2rl"], ["sh", "./ec2rl"]):
        assert start(*words, "version", cwd=ROOT).stdout == version()
    env = {"PATH": f"{ROOT}:/usr/bin:/bin"}
    assert start("ec2rl", "version", cwd=Path("/"), env=env).stdout == version()


def test_through_links_of_links(tmp_path: Path) -> None:
    (tmp_path / "a b").mkdir()
    (tmp_path / "a b/one").symlink_to(LAUNCHER)
    (tmp_path / "two").symlink_to("a b/one")
    (tmp_path / "-three").symlink_to("two")
    for words in (["./two"], ["./-three"], [str(tmp_path / "a b/one")]):
        assert start(*words, "version", cwd=tmp_path).stdout == version()


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-", "<&- 2>&-"])
@pytest.mark.more
def test_with_closed_streams(closed: str, tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    record = tmp_path / "case"
    options = f"--interval=0 --exit-zero --output-dir={tmp_path} --record={record}"
    script = f'"$0" run {options} {closed}'
    done = start("sh", "-c", script, str(LAUNCHER), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    # None of our own files took the number of a stream, and with it the words meant for that.
    assert "Module Run" not in record.read_text()
    assert record.read_text().startswith("# A recording")


def pythons() -> dict[str, Path]:
    found = {}
    for folder in (Path.home() / ".pyenv/versions", Path("/opt"), Path("/usr")):
        for path in folder.glob("*/bin/python") if folder != Path("/usr") else ():
            found[path.parents[1].name] = path
    return found


@pytest.mark.parametrize(
    "name", ["2.7", "3.6", "3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13"]
)
def test_a_python_by_name(name: str) -> None:
    path = next((p for v, p in pythons().items() if v.startswith(f"{name}.")), None)
    if path is None:
        pytest.skip(f"no Python {name} here")
    done = start(str(LAUNCHER), "version", cwd=Path("/"), env={"EC2RL_PYTHON": str(path)})
    if tuple(map(int, name.split("."))) >= (3, 9):
        assert (done.returncode, done.stdout, done.stderr) == (0, version(), "")
    else:
        told = f"ec2rl: EC2RL_PYTHON={path} is older than Python 3.9\n"
        assert (done.returncode, done.stdout, done.stderr) == (69, "", told)
        direct = start(str(path), str(ROOT / "src/ec2rl/__main__.py"), "version", cwd=Path("/"))
        assert direct.returncode == 69
        assert direct.stderr.startswith("ec2rl needs Python 3.9 or newer; this is ")


@pytest.mark.parametrize(
    "bad", ["/nonexistent", "/tmp", "/etc/passwd", "no such", "python2.0", "../x"]
)
def test_a_python_that_is_none(bad: str, trap: Path) -> None:
    done = start(str(LAUNCHER), "version", cwd=trap, env={"EC2RL_PYTHON": bad})
    told = (
        f"ec2rl: EC2RL_PYTHON={bad} is not a program "
        "(one without a path is looked for in /usr/local/bin, /usr/bin and /bin)\n"
    )
    assert (done.returncode, done.stdout, done.stderr) == (69, "", told)


def test_a_python_without_a_path_is_one_of_the_system(trap: Path) -> None:
    env = {"EC2RL_PYTHON": "python3", "PATH": f"{trap}/bin:{trap}"}
    if not Path("/usr/bin/python3").exists() and not Path("/usr/local/bin/python3").exists():
        pytest.skip("no python3 of the system here")
    done = start(str(LAUNCHER), "version", cwd=trap, env=env)
    assert (done.returncode, done.stdout, done.stderr) == (0, version(), "")
    assert not (trap.parent / "sentinel").exists()


@pytest.mark.root
def test_no_python_at_all(tmp_path: Path) -> None:
    if os.geteuid():
        pytest.skip("needs root for a mount namespace")
    script = (
        "for f in /usr/bin/python3* /usr/local/bin/python3* /usr/libexec/platform-python; do "
        '[ -e "$f" ] && mount --bind plain "$(readlink -f "$f")"; done; exec "$0" version'
    )
    (tmp_path / "plain").write_text("")
    (tmp_path / "plain").chmod(0o644)
    done = start("unshare", "-m", "--propagation=private", "sh", "-c", script, str(LAUNCHER),
                 cwd=tmp_path)  # fmt: skip
    assert (done.returncode, done.stdout) == (69, "")
    assert done.stderr.startswith("ec2rl: no Python 3.9 or newer was found in ")
    assert "EC2RL_PYTHON=" in done.stderr


@pytest.mark.root
@pytest.mark.parametrize("closed", ["", "<&-"])
def test_with_an_empty_dev(closed: str, tmp_path: Path) -> None:
    """As in a rescue chroot: nothing to open in place of what is closed, and no log."""
    if os.geteuid():
        pytest.skip("needs root for a mount namespace")
    tmp_path.chmod(0o700)
    run = f'"$0" run --interval=0 --only-modules=conntrackfull --output-dir={tmp_path} {closed}'
    done = start("unshare", "-m", "--propagation=private", "sh", "-c",
                 f'mount -t tmpfs t /dev && "$0" version && {run}', str(LAUNCHER),
                 cwd=Path("/"))  # fmt: skip
    # What this machine has lost since it booted is told without its log.
    verdicts = {3: "[UNKNOWN] ", 0: "[WARN] "}
    assert done.returncode in verdicts, done.stderr
    assert done.stderr == ""
    assert done.stdout.startswith(version())
    assert verdicts[done.returncode] in done.stdout
    assert "/dev/kmsg: absent" in done.stdout


@pytest.mark.more
def test_as_a_module_and_as_an_installed_program() -> None:
    env = {"PYTHONPATH": str(ROOT / "src")}
    code = "import sys; from ec2rl.cli import main; sys.exit(main())"  # what pip installs
    for words in (["version"], ["help"], ["list"], ["run", "--no-such"], [], ["help", "run"]):
        expected = start(str(LAUNCHER), *words, cwd=Path("/"))
        for program in (["-m", "ec2rl"], ["-c", code]):
            done = start(sys.executable, *program, *words, cwd=Path("/"), env=env)
            assert (done.returncode, _named(done.stdout), _named(done.stderr)) == (
                expected.returncode,
                _named(expected.stdout),
                _named(expected.stderr),
            )


def _named(text: str) -> str:
    """What is to be typed without the name that it was called by."""
    return re.sub(r"(?:sudo )?\S*/ec2rl ", "ec2rl ", text)


def a_fifo(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(path)
    return path


@pytest.mark.parametrize(
    "env",
    [
        {"TZ": "{here}/fifo"},
        {"TZ": ":{here}/fifo"},
        {"TZ": "../../../../../..{here}/fifo"},
        {"TZ": "Europe/../../../../../..{here}/fifo"},
        {"TZ": "fifo", "TZDIR": "{here}"},
        {"LC_ALL": "xx_XX", "LOCPATH": "{here}"},
    ],
    ids=lambda env: "-".join(env) + str(len(env.get("TZ", ""))),
)
def test_no_variable_has_a_file_of_the_callers_opened(env: dict[str, str], tmp_path: Path) -> None:
    """Python reads the zone's and the locale's files before any line of ours: it hung."""
    a_fifo(tmp_path / "fifo")
    a_fifo(tmp_path / "xx_XX/LC_CTYPE")
    named = {name: value.format(here=tmp_path) for name, value in env.items()}
    done = subprocess.run(
        [str(LAUNCHER), "version"],
        env=named,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, version())


@pytest.mark.parametrize(
    ("zone", "shown"),
    [
        ("", "+0000"),
        ("UTC", "+0000"),
        ("IST-5:30", "+0530"),
        ("<+0545>-5:45", "+0545"),
        ("Asia/Kolkata", "+0530"),
    ],
)
def test_times_are_shown_in_the_callers_zone(zone: str, shown: str, tmp_path: Path) -> None:
    if "/" in zone and not Path("/usr/share/zoneinfo", zone).exists():
        pytest.skip("no time zones here")
    log = tmp_path / "log"
    log.write_text("[    0.000000] Linux version 6.1.0\n[    1.000000] x\n")
    words = ("run", "--no-save", "--only-modules=xennetrocket", f"--log={log}")
    done = start(str(LAUNCHER), *words, cwd=tmp_path, env={"TZ": zone})
    assert f" {shown})" in done.stdout, done.stdout + done.stderr
