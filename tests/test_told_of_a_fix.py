"""What `fix` and `run --remediate` tell: what was changed, what cannot be, and what to type."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Callable

import pytest

from ec2rl.arguments import parse
from ec2rl.commands import all_commands
from ec2rl.fix.errors import FixError
from ec2rl.fix.machine import Machine
from ec2rl.fix.transaction import apply
from ec2rl.model import Finding, Verdict, changed, say
from ec2rl.remedies import WriteFile
from ec2rl.report.text import Much, View, results
from ec2rl.subcommand import as_root
from fix.records import sealed, setting_item, transaction
from test_bad_module import JOURNAL, KEY, program, with_module
from test_volume import EC2RL, ec2rl, lay
from test_volume_journal import in_a_namespace

__all__ = ["program"]

MENDED = (
    "judge=lambda _: Finding("
    f"Verdict.OK if open('{'/proc/sys/' + KEY.replace('.', '/')}').read() == '8\\n' "
    "else Verdict.PROBLEM, say('It was looked at'))"
)
SAID = (
    "-- [FIXED] A remedy; to take it back: {}/ec2rl undo 1\n",
    f"-- Changed: {KEY}: 9 -> 8\n",
)


@pytest.mark.root
@pytest.mark.more
@pytest.mark.parametrize("how", ["", "-q", "-v", "--all"])
def test_what_was_remediated_is_told_though_all_is_well_now(program: Path, how: str) -> None:
    script = f"ec2rl run --only-modules=zzbad --remediate {how}"
    said = with_module(program, MENDED, script)
    assert "[SUCCESS] It was looked at\n" in said
    for line in SAID:
        assert line.format(program.parent) in said


SOUND = [(f"m{n}", Finding(Verdict.OK, say("Sound."))) for n in range(20)]
UNFIXED = changed("[UNFIXED] {why}", why="a trial is in force")


@pytest.mark.parametrize("much", [Much.VERDICT, Much.SHORT, Much.ALL])
@pytest.mark.parametrize("verdict", list(Verdict))
def test_no_verdict_and_no_terminal_hides_what_a_run_changed(much: Much, verdict: Verdict) -> None:
    mended = ("mended", Finding(verdict, say("It is."), (UNFIXED,)))
    domains = dict.fromkeys([name for name, _ in SOUND], "os") | {"mended": "os"}
    for width in (None, 40, 200):
        said = results([mended, *SOUND], View(much, width=width, domains=domains))
        assert "-- [UNFIXED] a trial is in force\n" in said
        assert "module run/mended" in said


@pytest.mark.parametrize(
    "words",
    [
        "fix neighbourfull --root=/tmp/w --set=gc_thresh3=8192 --yes",
        "fix conntrackfull --set=max=5 --set=buckets=7 --try --root='/mnt/my disk'",
        "fix conntrackfull --try=60 --dry-run",
        "run --only-modules=conntrackfull --remediate --netns=shop --quiet",
        "run --output=json --exit-zero --remediate -- -odd 'a file'",
    ],
)
def test_what_root_is_to_type_is_all_that_was_typed(words: str) -> None:
    said = as_root(parse(shlex.split(words), all_commands()))
    again = said[said.index("ec2rl ") + len("ec2rl ") :]
    assert parse(shlex.split(again), all_commands()) == parse(shlex.split(words), all_commands())
    assert again == words


def as_nobody(*words: str) -> subprocess.CompletedProcess[str]:
    if os.geteuid() != 0:
        pytest.skip("needs root to become nobody")
    become = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    return subprocess.run(
        [*become, EC2RL, *words], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.root
@pytest.mark.more
def test_an_ordinary_user_is_told_the_same_command_for_root() -> None:
    """Of a folder that everybody may look into, taken for a volume."""
    words = ("fix", "neighbourfull", "--root=/usr", "--set=gc_thresh3=8192", "--yes")
    done = as_nobody(*words)
    assert done.returncode == 1
    assert done.stderr.endswith(f"a fix needs root: sudo {EC2RL} {' '.join(words)}\n")


@pytest.mark.root
@pytest.mark.more
def test_an_ordinary_user_is_told_that_nothing_was_remediated() -> None:
    words = ("run", "--only-modules=kernelbug", "--remediate", "--quiet")
    done = as_nobody(*words)
    said = f"nothing was remediated: a fix needs root: sudo {EC2RL} {' '.join(words)}\n"
    assert said in done.stderr


def link_out(root: Path) -> None:
    (root / "etc/sysctl.d").rmdir()
    (root / "etc/sysctl.d").symlink_to(root.parent / "outside")


def anybodys(root: Path) -> None:
    (root / "etc/modules-load.d").chmod(0o777)


def no_plain_file(root: Path) -> None:
    os.link(root.parent / "outside/victim", root / "etc/modules-load.d/ec2rl-conntrack.conf")


@pytest.mark.root
@pytest.mark.more
@pytest.mark.parametrize(
    ("how", "why"),
    [
        (link_out, "etc/sysctl.d is a symbolic link, or no folder"),
        (anybodys, "etc/modules-load.d is writable by others"),
        (no_plain_file, "ec2rl-conntrack.conf"),
    ],
)
@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_dry_run_of_what_cannot_be_done_is_refused(
    tmp_path: Path, how: Callable[[Path], None], why: str, form: Sequence[str]
) -> None:
    root = lay(tmp_path)
    how(root)
    done = ec2rl(root, "fix", "conntrackfull", "--set=max=524288", "--dry-run", *form)
    assert done.returncode == 1
    assert "efused" in done.stdout
    assert why in done.stdout


@pytest.mark.root
@pytest.mark.more
@pytest.mark.parametrize("words", ["--dry-run", "--yes"])
def test_a_change_on_trial_is_told_of_before_the_question(program: Path, words: str) -> None:
    record = transaction(1, [setting_item(KEY, "7", "9")], state="applied")
    record["boot"] = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    (program.parent / "1.json").write_bytes(sealed(record))
    script = (
        f"mkdir -m 700 -p {JOURNAL}; cp {program.parent}/1.json {JOURNAL}; "
        f"printf 1999999999.0 > {JOURNAL}/trial-1; chmod -R go= {JOURNAL}\n"
        f"ec2rl fix zzbad {words}; ec2rl run --only-modules=zzbad --remediate -q"
    )
    said = with_module(program, MENDED, script)
    typed = f"{program.parent}/ec2rl"
    why = f"change 1 is on trial: first {typed} keep 1, or {typed} undo 1"
    assert f"Refused:\n    {why}\n" in said
    assert "A remedy" not in said
    assert f"-- [UNFIXED] {why}\n" in said
    assert said.count("RC 1\n") == 2


@pytest.mark.root
@pytest.mark.more
@pytest.mark.parametrize("how", ["--dry-run", "--yes"])
def test_a_read_only_volume_is_told_by_its_path(tmp_path: Path, how: str) -> None:
    root = lay(tmp_path)
    said = in_a_namespace(
        f"mount --bind -o ro {root} {root} && mount -o remount,bind,ro {root} || exit 99\n"
        f"ec2rl fix conntrackfull --set=max=524288 --root={root} {how}; echo RC $?\n"
    )
    assert "RC 1\n" in said
    assert "etc/modules-load.d/ec2rl-conntrack.conf is on a read-only file system" in said


@pytest.mark.root
def test_a_folder_that_cannot_be_made_is_told_by_its_path(tmp_path: Path) -> None:
    root = lay(tmp_path)
    machine = Machine(str(root), sysctls="", modules="")
    (root / "var/lib").touch()
    with pytest.raises(FixError, match=f"{root}/var/lib is a symbolic link, or no folder"):
        apply([WriteFile("/etc/x.conf", "a\n", None)], machine=machine, why="")
