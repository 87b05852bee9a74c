"""A program that drives ec2rl over SSM: AWS's server for EC2 Rescue, command by command.

It takes the run's folder from the line after "The output logs are located in:", refuses one of
another form, and reads the results of each module where they are no symbolic link.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ec2rl.catalogue import names

ROOT = Path(__file__).resolve().parents[1]
FOLDER = re.compile(r"/var/tmp/ec2rl/\d{4}-\d\d-\d\dT\d\d_\d\d_\d\d\.\d{6}")
EC2RL = f"{sys.executable} -I -S {ROOT}/src/ec2rl/__main__.py"
TIMES = "--since=-1h --until=-1m", "--since=today", "--since=2026-11-25 --until=00:00:00"

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root for a mount namespace"),
]


def shell(script: str) -> subprocess.CompletedProcess[str]:
    """Run a script as root of a machine on which no ec2rl has run."""
    new = "mount -t tmpfs -o mode=755 t /var/lib && mount -t tmpfs -o mode=1777 t /var/tmp"
    return subprocess.run(
        ["unshare", "-m", "--propagation=private", "sh", "-c", f"{new} || exit 99\n{script}"],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("module", names())
def test_the_results_of_a_module_are_found_and_read(module: str) -> None:
    read = 'f="$d/mod_out/run/' + module + '.log"; test ! -L "$f" && cat "$f"'
    find = """sed -n '/The output logs are located in:/{n;p}' /var/tmp/said"""
    when = TIMES[len(module) % 3]
    run = f"{EC2RL} run --only-modules={module} --interval=0 --perfimpact=true {when}"
    done = shell(f'{run} >/var/tmp/said 2>&1; d=$({find}); echo "$d"; {read}')
    assert (done.returncode, done.stderr) == (0, "")
    folder, _, results = done.stdout.partition("\n")
    assert FOLDER.fullmatch(folder)
    assert re.search(r"\[(SUCCESS|FAILURE|WARN|UNKNOWN)\]", results)


def test_no_software_is_said_to_be_missing_that_is_there() -> None:
    packages = "strace|perf|tcpdump|sysstat|ethtool|iproute|python|module|dig|mtr"
    done = shell(
        f"{EC2RL} software-check >/var/tmp/said; grep -iE '{packages}' /var/tmp/said || true"
    )
    lacks = [line for line in done.stdout.splitlines() if "(part of Python)" not in line]
    assert (done.returncode, lacks) == (0, [])


@pytest.mark.more
def test_scripts_get_a_true_answer_to_each_question_of_1_1_7() -> None:
    done = shell(f"set -e; for w in version list software-check version-check; do {EC2RL} $w; done")
    assert (done.returncode, done.stderr) == (0, "")
    assert "conntrackfull" in done.stdout
    assert "ec2rl never asks the network" in done.stdout


@pytest.mark.parametrize("option", ["--dry-run", "--yes"])
def test_what_run_would_fix_is_shown_by_fix(option: str) -> None:
    done = shell(f"{EC2RL} run --remediate {option}")
    assert done.returncode == 2
    assert "ec2rl fix shows what can be fixed" in done.stderr


@pytest.mark.parametrize(
    ("words", "instead"),
    [
        ("upload", "upload went with 1.1.7: nothing is sent anywhere"),
        ("menu-config", "menu-config went with 1.1.7: there is no menu"),
        ("run --backup=ami", "--backup went with 1.1.7: no backup is made"),
    ],
)
def test_a_word_of_1_1_7_that_is_gone_says_what_to_do_instead(words: str, instead: str) -> None:
    done = shell(f"{EC2RL} {words}")
    assert done.returncode == 2
    assert instead in done.stderr
