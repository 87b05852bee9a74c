"""A journal on a volume claims what it likes: it is shown, and moves what is there only."""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Callable

import pytest

from fix.records import FILE, file_item, sealed, setting_item, transaction
from test_volume import EC2RL, lay

pytestmark = [pytest.mark.root, pytest.mark.more]

KEY = "net.ipv4.tcp_keepalive_probes"
PROBES = "/proc/sys/net/ipv4/tcp_keepalive_probes"
"""A setting of the kernel that each network namespace has for itself."""

FIX = ("fix", "conntrackfull", "--set=max=524288")
LOOKS: tuple[tuple[str, ...], ...] = (
    ("history",),
    ("history", "--json"),
    (*FIX, "--dry-run"),
    (*FIX, "--dry-run", "--json"),
    FIX,
    ("undo", "--dry-run"),
    ("undo", "--dry-run", "--with-later"),
    ("undo", "1"),
    ("conntrack", "boot"),
)
"""What changes nothing: it only looks, or nobody agrees to its plan."""


def links(root: Path) -> dict[str, Callable[[], object]]:
    """The ways out of a volume to the kernel that runs; each holds for `key_for`."""

    def deep(path: str, to: str) -> None:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).symlink_to(to)

    return {
        "proc": lambda: deep("proc", "/proc"),
        "upwards": lambda: deep("proc", "../" * 20 + "proc"),
        "proc/sys": lambda: deep("proc/sys", "/proc/sys"),
        "proc/sys/net": lambda: deep("proc/sys/net", "/proc/sys/net"),
        "another name": lambda: deep("proc/sys/net/k", "/proc/sys/net/ipv4"),
        "the file": lambda: deep("proc/sys/net/ipv4/tcp_keepalive_probes", PROBES),
        "sys": lambda: deep("sys", "/sys"),
        "a mount": lambda: (root / "proc").mkdir(),
    }


def key_for(way: str) -> str:
    return "net.k.tcp_keepalive_probes" if way == "another name" else KEY


AS_HOST = (
    "mount -t tmpfs none /proc/sys/net/core || exit 99\n: > /proc/sys/net/core/netdev_max_backlog\n"
)
"""Have a network namespace of our own pass for the host's, by what only that has."""


def in_a_namespace(script: str) -> str:
    """Run a script in network and mount namespaces of its own, `ec2rl` being a word of it.

    What is printed to be typed has that word's path, and has it here as in a checkout.
    """
    if os.geteuid() != 0:
        pytest.skip("needs root")
    done = subprocess.run(
        ["unshare", "-n", "-m", "--propagation", "private", "sh", "-c", AS_HOST + script],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        env={"PATH": f"{EC2RL.parent}:/usr/sbin:/usr/bin:/sbin:/bin", "TZ": "UTC"},
        check=False,
    )
    return (done.stdout + done.stderr).replace(f"{EC2RL} ", "sudo ./ec2rl ")


def write(root: Path, number: int, items: Sequence[object], **fields: object) -> None:
    """Forge a record of a volume's journal; an unfinished one is marked as that."""
    folder = root / "var/lib/ec2rl/changes"
    folder.mkdir(parents=True, exist_ok=True)
    change = transaction(number, items, **fields)
    (folder / f"{number}.json").write_bytes(sealed(change))
    if change["state"] in ("applying", "undoing"):
        (folder / "unfinished").touch()


def picture(folder: Path) -> dict[str, tuple[object, ...]]:
    """Everything below a folder, with what would tell that it had been written."""
    seen: dict[str, tuple[object, ...]] = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        seen[str(path)] = (status.st_mode, status.st_ino, status.st_size, status.st_mtime_ns,
                           status.st_ctime_ns)  # fmt: skip
    return seen


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return lay(tmp_path)


@pytest.mark.parametrize("state", ["applying", "undoing", "applied"])
@pytest.mark.parametrize("way", links(Path()))
def test_no_way_leads_to_the_kernel_that_runs(root: Path, way: str, state: str) -> None:
    links(root)[way]()
    write(root, 1, [setting_item(key_for(way), "7", "9")], state=state)
    mount = f"mount --bind /proc {root}/proc\n" if way == "a mount" else ""
    commands = (*LOOKS, (*FIX, "--yes"), ("undo", "1", "--yes"), ("undo", "--yes"))
    said = in_a_namespace(
        mount
        + f"cat {PROBES}\n"
        + "\n".join(
            f"ec2rl {' '.join(words)} --root={root} 2>&1; cat {PROBES}" for words in commands
        )
    )
    assert re.findall(r"^\d+$", said, re.MULTILINE) == ["9"] * (len(commands) + 1), said
    assert f"{key_for(way)}: 7 -> 9" in said
    assert "fault of ec2rl" not in said


@pytest.mark.parametrize("state", ["applying", "undoing", "applied"])
@pytest.mark.sampled(3)
def test_looking_writes_nothing(root: Path, tmp_path: Path, state: str) -> None:
    """By the system calls: no file is opened to write, made, renamed or removed."""
    if not shutil.which("strace"):
        pytest.skip("needs strace")
    write(root, 1, [file_item(FILE, "# theirs\n", "# ours\n")], state=state)
    write(root, 2, [setting_item(KEY, "7", "9")])
    (root / "var/lib/ec2rl/changes/trial-2").write_text("1790000000.0")
    before = picture(tmp_path)
    calls = "openat,open,creat,mkdir,mkdirat,rename,renameat,renameat2,unlink,unlinkat,link,linkat,"
    calls += "symlink,symlinkat,truncate,ftruncate,chmod,fchmod,fchmodat,chown,fchown,setxattr"
    for words in LOOKS:
        trace = tmp_path.parent / f"{tmp_path.name}.trace"
        command = ["strace", "-f", "-o", str(trace), f"-e%trace={calls}".replace("%", ""),
                   str(EC2RL), *words, f"--root={root}"]  # fmt: skip
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=False
        )
        assert done.returncode in (0, 1, 3), done.stderr
        wrote = [
            line
            for line in trace.read_text().splitlines()
            if (not re.search(r" open(at)?\(", line) or re.search(r"O_(WRONLY|RDWR|CREAT)", line))
            and "/dev/null" not in line
            and "__pycache__" not in line
            and not re.search(r"\+\+\+|---|= -1 ", line)
        ]
        assert wrote == []
        assert picture(tmp_path) == before, words


def test_no_journal_and_no_folder_for_one_is_made(root: Path, tmp_path: Path) -> None:
    before = picture(tmp_path)
    for words in LOOKS:
        subprocess.run(
            [str(EC2RL), *words, f"--root={root}"], stdin=subprocess.DEVNULL, check=False,
            capture_output=True, timeout=60,
        )  # fmt: skip
        assert picture(tmp_path) == before, words


def test_what_is_claimed_is_shown_before_it_is_done(root: Path) -> None:
    place = root / FILE.lstrip("/")
    place.write_text("# ours\n\x1b[2J evil\n")
    item = file_item(FILE, "# theirs\n", "# ours\n\x1b[2J evil\n", mode=0o666)
    write(root, 7, [item, setting_item(KEY, "7", "9")], state="undoing", why="fix")
    claims = (
        "Change 7 (fix) was interrupted, as a record claims that was found on the volume:\n"
        "    /etc/sysctl.d/50-site.conf: 9 bytes -> 17 bytes\n"
        f"        to be of mode 666, user 0, group 0\n"
        "        @@ -1,2 +1 @@\n"
        "        -# ours\n"
        "        -\\x1b[2J evil\n"
        "        +# theirs\n"
        f"    {KEY}: 7 -> 9\n"
        "It is taken back, or, where all of it was done already, stays: first, if you agree\n"
    )
    for words in (("undo", "--dry-run"), ("undo",), (*FIX, "--dry-run"), FIX):
        said = in_a_namespace(f"ec2rl {' '.join(words)} --root={root} 2>&1")
        assert claims in said, said
        assert place.read_text() == "# ours\n\x1b[2J evil\n"
    said = in_a_namespace(f"ec2rl undo --yes --root={root} 2>&1; ec2rl history --root={root}")
    assert said.startswith(claims)
    assert "ec2rl: change 7 had been interrupted; it is undone now\n" in said
    assert place.read_text() == "# theirs\n"


@pytest.mark.parametrize("state", ["undoing", "applied"])
def test_no_word_of_a_record_is_more_than_a_word(root: Path, state: str) -> None:
    """A link leads to what moves the cursor, and to lines that look like those of a plan."""
    (root / "etc/l").symlink_to("a")
    images = [
        {"data": to, "mode": 0o777, "uid": 0, "gid": 0, "labels": None}
        for to in ("\x1b[2J\n    /etc/fake: harmless", "a")
    ]
    link = {"kind": "link", "path": "/etc/l", "before": images[0], "after": images[1]}
    write(root, 1, [link], state=state, schema=4)
    for words in ("undo --dry-run", "history", "undo --yes", "history"):
        said = in_a_namespace(f"ec2rl {words} --root={root} 2>&1")
        assert "\x1b" not in said
        assert "\n    /etc/fake" not in said
        assert "link to \\x1b[2J\\n    /etc/fake: harmless" in said, said
    assert os.readlink(root / "etc/l") == images[0]["data"]


def test_the_diff_that_is_shown_is_the_one_that_is_made(root: Path) -> None:
    place = root / "etc/site"
    place.write_text("a\nours\nc\ntheirs\n")
    before, after = (
        {"data": text, "mode": 0o644, "uid": 0, "gid": 0, "labels": []}
        for text in ("a\nb\nc\n", "a\nours\nc\n")
    )
    hunk = {"at": 1, "old": ["b"], "new": ["ours"]}
    item = {"kind": "lines", "path": "/etc/site", "before": before, "after": after, "hunks": [hunk]}
    write(root, 1, [item], schema=4)
    said = in_a_namespace(f"ec2rl undo 1 --yes --root={root} 2>&1")
    assert "        -ours\n        +b\n         c\n         theirs\n" in said, said
    assert place.read_text() == "a\nb\nc\ntheirs\n"


def test_fix_settles_what_was_agreed_to_and_plans_anew(root: Path) -> None:
    place = root / FILE.lstrip("/")
    place.write_text("net.netfilter.nf_conntrack_max = 1\n")
    item = file_item(FILE, "# theirs\n", "net.netfilter.nf_conntrack_max = 1\n")
    write(root, 1, [item], state="undoing")
    said = in_a_namespace(f"ec2rl {' '.join(FIX)} --yes --root={root} 2>&1; echo RC $?")
    assert "change 1 had been interrupted; it is undone now" in said
    assert "Change 2:\n" in said
    assert said.endswith("RC 0\n")
    assert place.read_text() == "# theirs\n"


OTHERS = ("etc/shadow.conf", "etc/sysctl.d/../shadow.conf", "root/.bashrc", "etc/sysctl.d/x")


@pytest.mark.parametrize("path", OTHERS)
def test_no_other_file_of_the_volume_is_moved(root: Path, tmp_path: Path, path: str) -> None:
    write(root, 1, [file_item("/" + path, "theirs\n", "ours\n")], state="undoing")
    before = picture(tmp_path)
    for words in (*LOOKS, (*FIX, "--yes"), ("undo", "--yes"), ("undo", "1", "--yes")):
        if words == ("conntrack", "boot"):
            continue
        said = in_a_namespace(f"ec2rl {' '.join(words)} --root={root} 2>&1; echo RC $?")
        assert "is no file that ec2rl writes" in said or "is no plain path of a file" in said
        assert said.endswith("RC 1\n")
    assert picture(tmp_path) == before


@pytest.mark.parametrize("name", ["lock", "draft", "unfinished", "trial-3", "2.json"])
@pytest.mark.parametrize("kind", ["a hard link", "a link", "a FIFO", "a device"])
def test_what_lies_in_the_journal_is_no_way_to_another_file(
    root: Path, tmp_path: Path, name: str, kind: str
) -> None:
    """A device there is not even opened: a watchdog would begin to bite."""
    write(root, 1, [file_item(FILE, "# theirs\n", "# ours\n")], state="undone")
    place = root / "var/lib/ec2rl/changes" / name
    victim = root / "etc/victim"
    victim.write_text("untouched\n")
    make: dict[str, Callable[[], object]] = {
        "a hard link": lambda: os.link(victim, place),
        "a link": lambda: place.symlink_to(victim),
        "a FIFO": lambda: os.mkfifo(place),
        # No driver has this number: to open it fails with ENXIO.
        "a device": lambda: os.mknod(place, 0o600 | 0o020000, os.makedev(511, 9)),
    }
    make[kind]()
    commands = (*LOOKS, (*FIX, "--yes"), ("undo", "--yes"))
    for words in commands:
        said = in_a_namespace(
            f"timeout 20 strace -f -o {tmp_path}/trace -e openat"
            f" ec2rl {' '.join(words)} --root={root} 2>&1; echo RC $?"
        )
        assert re.search(r"RC [013]\n$", said), said
        assert victim.read_text() == "untouched\n"
        trace = (tmp_path / "trace").read_text()
        if kind == "a device":
            assert "ENXIO" not in trace


@pytest.mark.parametrize("boot", ["this", "another"])
def test_what_runs_stays_and_is_told(tmp_path: Path, boot: str) -> None:
    """A bind mount of what runs: of its changes, --root takes back the files alone."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    record = transaction(
        1, [setting_item(KEY, "9", "7"), file_item(FILE, "# theirs\n", "# ours\n")]
    )
    if boot == "this":
        record["boot"] = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    raw = base64.b64encode(sealed(record)).decode()
    said = in_a_namespace(
        "mount -t tmpfs -o mode=755 none /etc/sysctl.d; mount -t tmpfs -o mode=755 none /var/lib\n"
        "mkdir -p /var/lib/ec2rl/changes; chmod -R 700 /var/lib/ec2rl\n"
        f"echo {raw} | base64 -d > /var/lib/ec2rl/changes/1.json\n"
        "chmod 600 /var/lib/ec2rl/changes/1.json\n"
        f"printf '# ours\\n' > {FILE}; chmod 644 {FILE}; echo 7 > {PROBES}\n"
        f"mkdir {tmp_path}/m; mount --rbind / {tmp_path}/m\n"
        f"ec2rl undo 1 --yes --root={tmp_path}/m 2>&1; echo RC $?\n"
        f"cat {FILE} {PROBES}; ec2rl history; ec2rl undo 1 --yes\n"
        f"cat {FILE} {PROBES}; ec2rl history"
    )
    lines = said.splitlines()
    took = lines.index("Took back a part of change 1:")
    assert lines[took : took + 7] == [
        "Took back a part of change 1:",
        f"    {KEY}: left alone: of what runs, which --root does not change",
        f"    {FILE}: 7 bytes -> 9 bytes",
        "The volume is of this machine: what runs stays as it is. To change it: sudo ./ec2rl "
        "undo 1",
        "RC 0",
        "# theirs",
        "7",
    ], said
    assert "partly undone" in lines[took + 7]
    assert "Took back change 1:" in lines
    assert lines[-5:-3] == ["# theirs", "9"], said
    assert "  undone  " in lines[-3]


@pytest.mark.parametrize("folder", ["etc", "etc/sysctl.d", "var", "var/lib/ec2rl"])
def test_no_mount_of_the_rescuer_below_a_volume_is_written_through(
    root: Path, tmp_path: Path, folder: str
) -> None:
    """As schroot binds /home: its journal, or what its records name, is the rescuer's there."""
    record = transaction(1, [file_item(FILE, "# theirs\n", "# ours\n")])
    theirs = tmp_path / "rescuer"
    for place in (root, theirs):
        (place / "etc/sysctl.d").mkdir(parents=True, exist_ok=True)
        (place / FILE.lstrip("/")).write_text("# ours\n")
        (place / FILE.lstrip("/")).chmod(0o644)
        write(place, 1, record["items"])
    said = in_a_namespace(
        f"mount --bind {theirs}/{folder} {root}/{folder}\n"
        f"ec2rl undo 1 --yes --root={root} 2>&1; echo RC $?; ec2rl history --root={root} 2>&1\n"
        f"ec2rl fix conntrackfull --set=max=524288 --yes --root={root} 2>&1; echo RC $?\n"
        f"find {theirs} -newer {root}/proc; cat {theirs}{FILE}"
    )
    assert f"{root}/{folder} is a mount of this machine's, and no disk of the volume's" in said
    assert "RC 0" not in said
    assert (theirs / FILE.lstrip("/")).read_text() == "# ours\n"
    assert sorted(path.name for path in (theirs / "etc/sysctl.d").iterdir()) == [Path(FILE).name]


def test_a_boot_that_a_record_forges_gives_no_advice_on_another_journal(root: Path) -> None:
    """Change 1 of the machine that runs is another one."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    (root / FILE.lstrip("/")).write_text("# ours\n")
    items = [setting_item(KEY, "9", "7"), file_item(FILE, "# theirs\n", "# ours\n")]
    write(root, 1, items, boot=boot)
    said = in_a_namespace(f"ec2rl undo 1 --yes --root={root} 2>&1; echo RC $?")
    assert said.endswith(
        f"    {KEY}: left alone: of what runs, which --root does not change\n"
        f"    {FILE}: 7 bytes -> 9 bytes\n"
        "What runs stays as it is: --root changes files alone.\nRC 0\n"
    )
    assert "sudo ./ec2rl undo" not in said
