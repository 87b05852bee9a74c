"""A module that raises, hangs or answers nonsense: it has an end, is told, and changes nothing."""

from __future__ import annotations

import base64
import re
import shutil
import time
from pathlib import Path

import pytest

from ec2rl.commands.asking import ModuleFaultError, ask
from ec2rl.process import LostError, within
from fix.records import sealed, setting_item, transaction
from test_volume_journal import PROBES, in_a_namespace

pytestmark = pytest.mark.more

HERE = Path(__file__).parent.parent
JOURNAL = "/var/lib/ec2rl/changes"
KEY = "net.ipv4.tcp_keepalive_probes"

MODULE = f'''
import os
import sys
import time

from ec2rl.model import Finding, Held, Proposal, Rate, Remedy, Risk, Setting, Verdict, say
from ec2rl.module import Module
from ec2rl.remedies import SetSysctl

def fail(*_):
    raise RuntimeError("a fault")

def hang(*_):
    while True:
        try:
            time.sleep(1)
        except BaseException:
            pass

def plan(*changes):
    return Proposal((Remedy("A remedy", changes, Risk.SAFE),))

CHANGE = SetSysctl("{KEY}", "8", "9")
FIELDS = dict(
    propose=lambda *_: plan(CHANGE), measure=lambda *_: Rate(1.0, "things lost"),
    judge=lambda _: Finding(Verdict.PROBLEM, say("It is bad")),
)
FIELDS.update(FIELD)
MODULE = Module(
    name="zzbad", title="A bad module", domain="os", phrases=(), read=lambda *_: None,
    needs="nothing", by_hand=lambda _: (), settings=(Setting("probes", "{KEY}"),), seconds=1.0,
    **FIELDS,
)
'''

HANGS = "zzbad: took longer than {} s: stopped"
RAISES = "zzbad: RuntimeError: a fault"
NO_PLAN = "zzbad: TypeError: its answer is no tuple[Finding, Proposal]"
NO_RATE = "zzbad: TypeError: its answer is no Rate | None"
PLANS = {
    "propose=fail": RAISES,
    "propose=hang": HANGS.format(2),
    "propose=lambda *_: sys.exit(0)": "zzbad: SystemExit: 0",
    "propose=lambda *_: os._exit(0)": "zzbad: ended without an answer",
    "propose=lambda *_: None": NO_PLAN,
    "propose=lambda *_: Proposal(None)": NO_PLAN,
    "propose=lambda *_: Proposal(refused=(5,))": NO_PLAN,
    "propose=lambda *_: plan('change')": NO_PLAN,
    f"propose=lambda *_: plan(SetSysctl('{KEY}', 8, 9))": NO_PLAN,
    "judge=lambda _: None": "zzbad: TypeError: the judge gives no finding that can be reported",
}
RATES = {
    "measure=fail": RAISES,
    "measure=hang": HANGS.format(1),
    "measure=lambda *_: 7": NO_RATE,
    "measure=lambda *_: Rate('many', 'things')": NO_RATE,
    "measure=lambda *_: Rate(float('nan'), 'things')": NO_RATE,
}


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A copy of the program, for one more module."""
    shutil.copy(HERE / "ec2rl", tmp_path)
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(HERE / "src", tmp_path / "src", ignore=ignored)
    return tmp_path / "ec2rl"


def with_module(program: Path, field: str, script: str) -> str:
    """Run a script where `ec2rl` has a module with this field, and changes are its own."""
    file = program.parent / "src/ec2rl/modules/zzbad.py"
    file.write_text(MODULE.replace("FIELD)", f"{field})"))
    mount = "mount -t tmpfs -o mode=755 none"
    hide = f"for folder in /var/lib /etc/sysctl.d; do {mount} $folder; done\n"
    return in_a_namespace(f'{hide}ec2rl() {{ {program} "$@" 2>&1; echo RC $?; }}\n{script}')


@pytest.mark.root
@pytest.mark.parametrize("field", [*PLANS, *RATES])
@pytest.mark.sampled(5)
def test_a_fix_is_told_of_it_and_nothing_is_changed(program: Path, field: str) -> None:
    said = with_module(program, field, f"ec2rl fix zzbad --yes\ncat {PROBES}; ls {JOURNAL}")
    why = {**PLANS, **RATES}[field]
    assert f"ec2rl: fault of ec2rl itself: ModuleFaultError: {why}; see: " in said
    assert "/ec2rl bug-report\n" in said
    assert "ec2rl: nothing was changed\n" in said
    assert "RC 70\n9\n" in said
    assert "No such file" in said.rpartition("RC 70\n9\n")[2]


@pytest.mark.root
def test_a_file_that_cannot_be_loaded_changes_nothing(program: Path) -> None:
    run = "ec2rl run --only-modules=zzbad --remediate"
    script = f"ec2rl fix zzbad --yes; {run}; ls {JOURNAL}"
    said = with_module(program, "nothing=nosuchthing", script)
    why = "zzbad.py: NameError: name 'nosuchthing' is not defined"
    assert f"{why}; see: " in said
    assert "/ec2rl bug-report\nRC 70\n" in said
    assert f"{why}\n" in said
    assert "[UNKNOWN] fault of ec2rl itself: cannot load " in said
    assert "No such file" in said


@pytest.mark.root
def test_a_measure_that_fails_behind_the_change_is_told_and_the_change_stays(program: Path) -> None:
    field = f"measure=lambda *_: 7 if open({PROBES!r}).read() == '8\\n' else Rate(1.0, 'things')"
    said = with_module(program, field, f"ec2rl fix zzbad --yes; cat {PROBES}; ec2rl undo --yes")
    assert f"ec2rl: what is lost now could not be measured: {NO_RATE}\n" in said
    assert "Whether it helped is not known" in said
    assert re.search(r"To take it back: \S+/ec2rl undo 1\nRC 0\n8\n", said)
    assert said.endswith(f"Took back change 1:\n    {KEY}: 8 -> 9\nRC 0\n")


@pytest.mark.root
@pytest.mark.parametrize("field", PLANS)
@pytest.mark.sampled(4)
def test_remediation_is_told_of_it_and_nothing_is_changed(program: Path, field: str) -> None:
    run = "ec2rl run --only-modules=zzbad --remediate --deadline=2"
    said = with_module(program, field, f"{run}\ncat {PROBES}; ls {JOURNAL}")
    if field.startswith("judge"):
        assert "[UNKNOWN] fault of ec2rl itself: TypeError: the judge gives no finding" in said
    else:
        assert "[FAILURE] It is bad\n" in said
        assert f"-- [UNFIXED] fault of ec2rl itself: {PLANS[field]}\n" in said
    assert "\n9\n" in said
    assert "No such file" in said


@pytest.mark.root
@pytest.mark.parametrize(
    ("field", "why"),
    [
        ("held=fail", RAISES),
        ("held=lambda *_: os._exit(0)", "zzbad: ended without an answer"),
        ("held=lambda *_: 5", "zzbad: TypeError: its answer is no tuple[Held, ...]"),
        ("held=lambda *_: (5,)", "zzbad: TypeError: its answer is no tuple[Held, ...]"),
        (
            f"held=lambda *_: (Held({KEY!r}, '9', 'nine'),)",
            "zzbad: TypeError: its answer is no tuple[Held, ...]",
        ),
        ("nothing=nosuchthing", "zzbad.py: NameError: name 'nosuchthing' is not defined"),
    ],
)
@pytest.mark.sampled(5)
def test_an_undo_goes_on_without_it(program: Path, field: str, why: str) -> None:
    record = transaction(1, [setting_item(KEY, "9", "8")], module="zzbad", schema=3)
    record["boot"] = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    raw = base64.b64encode(sealed(record)).decode()
    script = (
        f"umask 077; mkdir -p {JOURNAL}; echo {raw} | base64 -d > {JOURNAL}/1.json\n"
        f"echo 8 > {PROBES}; ec2rl undo --yes; cat {PROBES}\n"
    )
    said = with_module(program, field, script)
    assert f"{why}\n" in said
    assert said.count("what has to have room could not be asked: ") == 1
    assert said.endswith(f"Took back change 1:\n    {KEY}: 8 -> 9\nRC 0\n9\n")


def test_work_has_an_end_and_what_it_gives_or_raises_is_told() -> None:
    assert ask("a", 5, lambda: 7, "int") == 7
    with pytest.raises(ModuleFaultError, match=r"^a: took longer than 0.2 s: stopped$"):
        ask("a", 0.2, lambda: time.sleep(60), "None")
    with pytest.raises(ModuleFaultError, match=r"^a: ZeroDivisionError: division by zero$"):
        ask("a", 5, lambda: 1 / 0, "float")


def test_where_no_process_can_be_had_it_has_an_end_here() -> None:
    assert within(5, lambda: 7) == 7
    with pytest.raises(LostError, match="took longer"):
        within(0.2, lambda: time.sleep(60))
    with pytest.raises(ZeroDivisionError):
        within(5, lambda: 1 / 0)
