"""Every command that looks, and every --dry-run, under a trace of its system calls.

Nothing is written outside the run folder, and nothing at all with --no-save; what else is done is
judged by a list of what may be.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root for a mount namespace"),
    pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace"),
]

ROOT = Path(__file__).resolve().parents[1]
STATE = "/var/lib/ec2rl"
KERNEL = (
    "[    0.000000] Linux version 6.1.0\n[    9.000000] nf_conntrack: table full, dropping packet\n"
)
ENTRY = (
    "ipv4     2 tcp      6 431000 ESTABLISHED src=10.0.9.31 dst=10.0.4.17 sport=1024 dport=443 "
    "src=10.0.4.17 dst=10.0.9.31 sport=443 dport=1024 [ASSURED] mark=0 use=1\n"
)

LOOKING = [
    "run",
    "run --json --mask --record=REC",
    "run --no-save",
    "run --no-save --json --only-modules=conntrackfull --interval=0.1",
    "run --no-save --root=VOL",
    "run --no-save --sos=SOS",
    "run --no-save --sos=FOLDER",
    "run --no-save --log=LOG",
    "run --no-save LOG --log LOG.gz",
    "run --no-save --conntrack=TABLE",
    "run --no-save --replay=CASE",
    "list",
    "help",
    "help run conntrackfull",
    "version",
    "version-check",
    "software-check",
    "bug-report",
    "explain conntrackfull",
    "explain --page-only oomkiller",
    "history",
    "history --json",
    "history --root=VOL",
    "undo --dry-run",
    "undo --dry-run --root=VOL",
    "fix conntrackfull --dry-run",
    "demo",
    "demo volume",
    "fix conntrackfull --dry-run --json --set=max=300001",
    "fix conntrackfull --dry-run --set=max=300001 --root=VOL",
    "conntrack top",
    "conntrack top --by=src --netns=all --json",
    "conntrack top --file=TABLE",
    "conntrack list --limit=3",
    "conntrack list --file=TABLE",
    "conntrack whatif tcp_timeout_established=3600",
    "conntrack size --interval=0.1",
    "conntrack namespaces",
    "conntrack boot",
    "conntrack boot --root=VOL --json",
    "conntrack free --unreplied --dry-run",
]
STATES = {
    "new": "true",
    "changed": 'ec2rl fix conntrackfull --set=max=300000 --persist-only --yes >"$T/fixed" 2>&1',
}
STATES["unfinished"] = f"{STATES['changed']}; : >{STATE}/changes/unfinished"

CALLS = (
    "%file,%network,write,writev,pwrite64,pwritev,pwritev2,sendfile,copy_file_range,splice,tee,"
    "vmsplice,ftruncate,fallocate,fchmod,fchown,fsetxattr,fremovexattr,ioctl,mmap,"
    "init_module,finit_module,delete_module,bpf,settimeofday,clock_settime,clock_adjtime,adjtimex,"
    "sethostname,setdomainname,reboot,kexec_load,kexec_file_load,io_uring_setup,open_by_handle_at,"
    "fsopen,move_mount,mount_setattr,add_key,keyctl,quotactl,syslog"
)
WRITES = "write|pwrite64|writev|pwritev2?|sendfile|copy_file_range|splice|tee|vmsplice"
CHANGES = (
    "ftruncate|fallocate|fchmod|fchown|fsetxattr|fremovexattr|truncate|unlink|rename|renameat2?|"
    "link|symlink|mkdir|rmdir|mknod|chmod|l?chown|utimensat|utimes?|futimesat|l?setxattr|"
    "l?removexattr|unlinkat|linkat|symlinkat|mkdirat|mknodat|fchmodat2?|fchownat|creat"
)
HARMLESS = (
    "access|faccessat2?|stat|lstat|statx?|newfstatat|statfs|readlink|readlinkat|execve|getcwd|"
    "chdir|name_to_handle_at|getsockname|getsockopt|setsockopt|recvfrom|recvmsg|recvmmsg|"
    "socketpair|shutdown|getxattr|lgetxattr|listxattr|getpeername|inotify_add_watch"
)
QUESTIONS = "TCGETS2?|TIOCGWINSZ|FION\\w+|FIOCLEX|SIOCETHTOOL|FS_IOC_GETFLAGS|NS_GET_\\w+"
NOWHERE = r"<(?:pipe:\[\d+\]|/dev/null(?:<char 1:3>)?|/memfd:[^>]*|UNIX[^>]*)>"
READS = "(?!.*(?:O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_TMPFILE))"
GETS = r"[\w<|]*_GET(?!_CTRZERO)|0x10[1457]\b"  # of another namespace strace knows numbers only
ALLOWED = (
    ("openat2?|open", READS),
    ("openat2?|open", '.*"/dev/null"'),
    ("symlinkat", r'"/var/lib/ec2rl", \d+</var/tmp>, "ec2rl"'),  # the way in, for readers alone
    ("openat2?|open", r'[^"]*"/(?:var/)?tmp", [^)]*O_TMPFILE'),  # a file that has no name
    (WRITES, rf"\d+{NOWHERE}"),
    ("mmap", "(?!.*PROT_WRITE.*MAP_SHARED, )|.*MAP_ANONYMOUS"),
    ("ioctl", rf"\d+<.*>, (?:{QUESTIONS})\b"),
    ("socket", "AF_NETLINK|AF_UNIX|AF_INET6?, SOCK_DGRAM"),
    ("bind", ".*AF_NETLINK"),
    ("connect", r'\d+<UNIX.*sun_path="/run/systemd/private"\}'),  # to ask systemd for its state
    ("sendto|sendmsg", r"\d+<UNIX|.*nlmsg_flags=[\w|]*NLM_F_DUMP"),
    ("sendto|sendmsg", rf"\d+<NETLINK.*nlmsg_type=(?:{GETS})"),
)
"""Names of system calls, and how their words begin."""


def judged(line: str, folders: tuple[str, ...]) -> str:
    """What is wrong with a system call, "" for nothing; only what lies in `folders` may change."""
    call = re.match(r"(\w+)\((.*)", line)
    if call is None:  # a signal, an end
        return ""
    name, words = call.groups()
    if re.fullmatch(HARMLESS, name) or any(
        re.fullmatch(names, name) and re.match(form, words) for names, form in ALLOWED
    ):
        return ""
    if re.fullmatch(WRITES, name):
        words = words.partition(",")[0]  # what is written may look like a path
    if re.fullmatch(f"openat2?|open|{WRITES}|{CHANGES}", name) and inside(words, folders):
        return ""
    return name


def inside(words: str, folders: tuple[str, ...]) -> bool:
    """Whether all that a call names lies in the folders."""
    named = re.findall(r'(?:<(/[^>]*)>, )?"([^"]*)"', words.rpartition(") = ")[0] or words)
    places = [f"{at}/{path}" if path[:1] != "/" else path for at, path in named]
    places = places or re.findall(r"^\d+<(/[^>]*)>", words)
    return bool(places) and all(f"{place}/".startswith(folders) for place in places)


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ('openat(AT_FDCWD</>, "/etc/x", O_RDONLY|O_CLOEXEC) = 3</etc/x>', ""),
        ('openat(AT_FDCWD</>, "/etc/x", O_WRONLY|O_CREAT, 0600) = 3</etc/x>', "openat"),
        ('openat(5</var/lib/ec2rl/r>, "x", O_WRONLY|O_CREAT, 0600) = 3', ""),
        ('openat(5</var/lib/ec2rl/r>, "/etc/x", O_WRONLY) = 3', "openat"),
        ('openat(AT_FDCWD</>, "/proc/sys/a", O_RDWR) = -1 EROFS', "openat"),
        ('write(1<pipe:[33]>, "x", 1) = 1', ""),
        ('write(3</proc/sys/net/x>, "1", 1) = 1', "write"),
        ('write(3</var/lib/ec2rl/r/report.txt>, "1", 1) = 1', ""),
        ('unlinkat(5</etc>, "x", 0) = 0', "unlinkat"),
        ('mkdirat(5</var/lib/ec2rl>, "r", 0700) = 0', ""),
        ('symlinkat("/var/lib/ec2rl", 5</var/tmp>, "ec2rl") = 0', ""),
        ('symlinkat("/etc", 5</var/tmp>, "ec2rl") = 0', "symlinkat"),
        ('renameat(5</var/lib/ec2rl>, "a", 6</etc>, "b") = 0', "renameat"),
        ('rename("/etc/a", "/etc/b") = -1 EPERM', "rename"),
        ('fchmod(3</etc/x>, 0600) = 0', "fchmod"),
        ('ioctl(3</etc/x>, FS_IOC_SETFLAGS, 0x1) = 0', "ioctl"),
        ('connect(3<TCP:[1]>, {sa_family=AF_INET}, 16) = 0', "connect"),
        ('connect(3<UNIX:[1]>, {sa_family=AF_UNIX, sun_path="/run/systemd/private"}, 23) = 0', ""),
        ('connect(3<UNIX-STREAM:[1]>, {sa_family=AF_UNIX, sun_path="/run/x"}, 23) = 0', "connect"),
        ('socket(AF_INET, SOCK_STREAM, 0) = 3', "socket"),
        ('mount("a", "/b", "c", 0, NULL) = 0', "mount"),
        ('finit_module(3</x>, "", 0) = 0', "finit_module"),
        ("mmap(NULL, 9, PROT_READ|PROT_WRITE, MAP_SHARED, 3</etc/x>, 0) = 0x7f", "mmap"),
        ("mmap(NULL, 9, PROT_READ|PROT_WRITE, MAP_PRIVATE, 3</etc/x>, 0) = 0x7f", ""),
        ("sendto(4<NETLINK:[9]>, [{nlmsg_type=0x102 /* NLMSG_??? */, nlmsg_flags=NLM_F_REQUEST|"
         "NLM_F_ACK}], 20) = 20", "sendto"),
        ("sendto(4<NETLINK:[9]>, [{nlmsg_type=A<<8|IPCTNL_MSG_CT_GET_CTRZERO}]) = 20", "sendto"),
        ("sendto(4<NETLINK:[9]>, [{nlmsg_type=A<<8|IPCTNL_MSG_CT_GET_STATS}]) = 20", ""),
        ("+++ exited with 0 +++", ""),
    ],
)  # fmt: skip
def test_the_judge_of_system_calls(line: str, wrong: str) -> None:
    assert judged(line, (f"{STATE}/",)) == wrong


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What is left of machines, by the word that stands for it above."""
    # A run that saves lets Python keep its bytecode (tests/test_start.py); here it has it already.
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(ROOT / "src")], check=True)
    folder = tmp_path_factory.mktemp("evidence")
    folder.chmod(0o700)
    paths = {name: str(folder / name.lower()) for name in ("LOG", "TABLE", "CASE", "FOLDER")}
    paths |= {"SOS": str(folder / "sos.tar.gz"), "VOL": str(folder / "volume")}
    tree = Path(paths["FOLDER"]) / "sosreport-x"
    (tree / "sos_commands/kernel").mkdir(parents=True)
    (tree / "proc").mkdir()
    (tree / "sos_commands/kernel/dmesg").write_text(KERNEL)
    for name in ("meminfo", "uptime", "cmdline", "modules"):
        (tree / "proc" / name).write_text("1 1\n")
    with tarfile.open(paths["SOS"], "w:gz") as archive:
        archive.add(tree, "sosreport-x")
    paths["FOLDER"] = str(tree)
    for name in ("var/log", "etc/sysctl.d", "proc", "var/lib"):
        (Path(paths["VOL"]) / name).mkdir(parents=True)
    (Path(paths["VOL"]) / "var/log/messages").write_text("Nov 24 02:00:00 h kernel: x\n")
    Path(paths["LOG"]).write_text(KERNEL)
    subprocess.run(["gzip", "-k", paths["LOG"]], check=True)
    Path(paths["TABLE"]).write_text(ENTRY * 3)
    case = "# x\n# -- clock --\n# now=2026-11-24T02:00:00Z uptime=60\n# -- /dev/kmsg --\n# x\n"
    Path(paths["CASE"]).write_text(case)
    return paths


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("command", LOOKING)
def test_it_writes_nothing(
    command: str, state: str, evidence: dict[str, str], tmp_path: Path
) -> None:
    if state != "new" and not re.match("history|undo|fix|run|conntrack boot", command):
        pytest.skip("it asks nobody for changes that were made")
    words = re.sub("[A-Z]{3,}", lambda match: evidence.get(match[0], match[0]), command)
    words = words.replace("REC", str(tmp_path / "rec"))
    program = f"{sys.executable} -I -S {ROOT}/src/ec2rl/__main__.py"
    script = (
        f'T={tmp_path}; ec2rl() {{ {program} "$@"; }}; mkdir -p {STATE} $T/upper $T/work; '
        f"mount -t tmpfs -o mode=700 t {STATE} && "
        f"mount -t overlay -o lowerdir=/etc,upperdir=$T/upper,workdir=$T/work o /etc || exit 99; "
        f"{STATES[state]}; cp -a {STATE} $T/before; "
        f"strace -ff -yy -s 400 -o $T/trace -e trace={CALLS} {program} {words}; echo RC $? >$T/rc; "
        f"cp -a {STATE} $T/after"
    )
    done = subprocess.run(
        ["unshare", "-m", "--propagation=private", "sh", "-c", script],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False,
        cwd="/",
    )  # fmt: skip
    if done.returncode == 99:
        pytest.skip(f"no overlay here: {done.stderr}")
    assert "RC 70" not in (tmp_path / "rc").read_text(), done.stderr
    assert "Traceback" not in done.stderr
    may_save = command.startswith("run") and "--no-save" not in command
    folders = (f"{STATE}/2", f"{tmp_path}/rec/") if may_save else ("\0",)
    wrong = []
    traces = list(tmp_path.glob("trace.*"))
    for trace in traces:
        for line in trace.read_text(errors="backslashreplace").splitlines():
            # The folder of runs itself, and each run's in it, by its name from there.
            saves = may_save and re.match(rf'mkdirat\(\d+<{STATE}>, "20', line)
            if not saves and judged(line, folders):
                wrong.append(line[:300])
    assert traces
    assert wrong == []
    if not may_save:
        assert tree(tmp_path / "after") == tree(tmp_path / "before")


def tree(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    return {
        str(path.relative_to(folder)): (
            path.lstat().st_mode,
            path.lstat().st_mtime_ns,
            path.read_bytes() if path.is_file() else b"",
        )
        for path in folder.rglob("*")
    }
