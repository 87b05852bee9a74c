"""Write the records that each version so far would have written, by the code of that version.

`python tests/fix/journals/make.py`, in a clone with the whole history: for each commit that
touched `src/ec2rl/fix` one change is applied and saved in every state.  What two write alike is
kept once, in `<the first of them>.json`: each state's record as text.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent.parent

WRITE = """
import json, os, sys
from ec2rl.fix.change import State
from ec2rl.fix.journal import locked
from ec2rl.fix.machine import Machine
from ec2rl.fix.transaction import apply
from ec2rl.remedies import SetSysctl, WriteFile
from ec2rl.record import replace

root = sys.argv[1]
machine = Machine(root=root, sysctls=root + "/proc/sys", modules=root + "/sys/module")
MAX = "net.netfilter.nf_conntrack_max"
for folder in ("etc/sysctl.d", "proc/sys/net/netfilter", "proc/sys/kernel/random", "var/lib"):
    os.makedirs(f"{root}/{folder}", 0o755)
for path, text in (
    ("etc/sysctl.d/99-netfilter.conf", MAX + "=262144\\n"),
    ("proc/sys/net/netfilter/nf_conntrack_max", "262144\\n"),
    ("proc/sys/kernel/random/boot_id", "first\\n"),
):
    with open(f"{root}/{path}", "w") as file:
        file.write(text)
os.chmod(f"{root}/etc/sysctl.d/99-netfilter.conf", 0o640)
changes = [
    SetSysctl(MAX, "524288", "262144"),
    WriteFile("/etc/sysctl.d/99-netfilter.conf", MAX + "=524288\\n", MAX + "=262144\\n"),
    WriteFile("/etc/modules-load.d/ec2rl.conf", "nf_conntrack\\n", None),
]
try:
    change = apply(changes, machine=machine, why="fix conntrackfull")
except Exception:  # a version that makes no folder
    os.mkdir(f"{root}/etc/modules-load.d", 0o755)
    change = apply(changes, machine=machine, why="fix conntrackfull")
change = replace(change, time=1790000000.25, id=1)
records = {}
for state in State:
    with locked(machine, "a test") as journal:
        journal.save(replace(change, state=state, notes=("a note",) * (state is State.PARTLY)))
    with open(f"{root}/var/lib/ec2rl/changes/1.json", encoding="ascii") as file:
        records[state.value] = file.read()
print(json.dumps(records, indent=1))
"""


def main() -> int:
    git = ["git", "-C", str(ROOT)]
    asked = [*git, "log", "--reverse", "--format=%h", "--", "src/ec2rl/fix"]
    # The first of them made the empty package.
    commits = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split()[1:]
    known: dict[str, str] = {}
    for commit in commits:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "root").mkdir(0o755)
            packed = subprocess.run(
                [*git, "archive", commit, "src"], capture_output=True, check=True
            )
            subprocess.run(["tar", "-x", "-C", folder], input=packed.stdout, check=True)
            written = subprocess.run(
                [sys.executable, "-c", WRITE, f"{folder}/root"],
                env={"PYTHONPATH": f"{folder}/src"},
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            ).stdout
        if written not in known:
            (HERE / f"{commit}.json").write_text(written)
        print(commit, "writes as", known.setdefault(written, commit))
    return 0


if __name__ == "__main__":
    sys.exit(main())
