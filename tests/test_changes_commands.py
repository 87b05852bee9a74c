"""`history`, `undo`, `keep` and `fix` on this machine's journal, in namespaces of their own."""

from __future__ import annotations

import base64
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from fix.records import FILE, file_item, sealed, setting_item, transaction
from test_volume_journal import KEY, PROBES, in_a_namespace

pytestmark = [pytest.mark.root, pytest.mark.more]

JOURNAL = "/var/lib/ec2rl/changes"
HIDE = (
    "for folder in /etc/sysctl.d /etc/modules-load.d /etc/modprobe.d /var/lib; do\n"
    '    [ ! -d "$folder" ] || mount -t tmpfs -o mode=755 none "$folder" || exit 99\n'
    "done\n"
    f"umask 077; mkdir -p {JOURNAL}; umask 022\n"
)


def with_records(records: Sequence[dict[str, object]], script: str) -> str:
    """Run a script on a machine whose journal holds these records, made in this boot."""
    text = HIDE
    for record in records:
        record["boot"] = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        raw = base64.b64encode(sealed(record)).decode()
        text += f"echo {raw} | base64 -d > {JOURNAL}/{record['id']}.json\n"
    return in_a_namespace(f"{text}chmod -R go= {JOURNAL}\n{script}")


def test_600_to_599_and_back_taken_back_in_the_wrong_order() -> None:
    records = [
        transaction(1, [setting_item(KEY, "9", "8")]),
        transaction(2, [setting_item(KEY, "8", "9")]),
    ]
    said = with_records(
        records,
        f"cat {PROBES}\n"
        "for n in 1 '1 --dry-run' 2 1\n"
        f"do ec2rl undo --yes $n 2>&1; echo RC $?; cat {PROBES}; done\n",
    )
    refused = (
        "ec2rl: nothing was changed: later changes were made on top of change 1: 2\n"
        "to take back the latest alone: sudo ./ec2rl undo 2\n"
        "to take back all of them: sudo ./ec2rl undo 1 --with-later\n"
        "RC 1\n9\n"
    )
    assert said == (
        f"9\n{refused}{refused}"
        f"Took back change 2:\n    {KEY}: 9 -> 8\nRC 0\n8\n"
        f"Took back change 1:\n    {KEY}: 8 -> 9\nRC 0\n9\n"
    )


@pytest.mark.parametrize("number", [1, 2, 3])
def test_the_later_ones_are_taken_along_as_asked(number: int) -> None:
    values = ["9", "8", "7", "6"]
    records = [transaction(n + 1, [setting_item(KEY, values[n], values[n + 1])]) for n in range(3)]
    said = with_records(
        records,
        f"echo 6 > {PROBES}\n"
        f"ec2rl undo {number} --with-later --dry-run; cat {PROBES}\n"
        f"ec2rl undo {number} --with-later --yes; cat {PROBES}; ec2rl history | grep -c undone",
    )
    gone = range(3, number - 1, -1)
    told = [f"change {n}:\n    {KEY}: {values[n]} -> {values[n - 1]}\n" for n in gone]
    assert said == (
        "".join(f"Would take back {one}" for one in told)
        + "6\n"
        + "".join(f"Took back {one}" for one in told)
        + f"{values[number - 1]}\n{len(gone)}\n"
    )


def test_what_is_in_the_way_of_any_of_them_is_said_before_the_first_is_taken_back() -> None:
    """The lower one's file was edited by hand: the upper one stays, too."""
    records = [
        transaction(1, [setting_item(KEY, "9", "8"), file_item(FILE, "# a\n", "# b\n")]),
        transaction(2, [setting_item(KEY, "8", "7")]),
    ]
    said = with_records(
        records,
        f"echo 7 > {PROBES}; echo '# theirs' > {FILE}\n"
        f"for how in --dry-run ''; do ec2rl undo 1 --yes --with-later $how 2>&1; echo RC $?; done\n"
        f"cat {PROBES} {FILE}; ec2rl undo 1 --yes --with-later --partial 2>&1; cat {PROBES} {FILE}",
    )
    refused = (
        f"ec2rl: nothing was changed: somebody else has changed since: {FILE} (of change 1)\n"
        f"ec2rl:     {KEY}: as the change left it\n"
        f"ec2rl:     {FILE}: changed by somebody else since: it is 9 bytes now\n"
        "ec2rl: to take back the rest, and leave theirs: "
        "sudo ./ec2rl undo 1 --partial --with-later\n"
        "RC 1\n"
    )
    assert said == (
        f"{refused}{refused}7\n# theirs\n"
        f"Took back change 2:\n    {KEY}: 7 -> 8\n"
        f"Took back a part of change 1:\n    {KEY}: 8 -> 9\n"
        f"    {FILE}: left alone: changed by somebody else since\n9\n# theirs\n"
    )


def test_what_an_undo_would_do_is_shown_and_asked_about() -> None:
    said = with_records(
        [transaction(1, [setting_item(KEY, "9", "8")])],
        f"echo 8 > {PROBES}; ec2rl undo 2>&1; echo RC $?; cat {PROBES}; ec2rl undo --yes",
    )
    assert said == (
        f"Would take back change 1:\n    {KEY}: 8 -> 9\n"
        "ec2rl: nothing was changed: there is no terminal to ask on; --yes does it\nRC 1\n8\n"
        f"Took back change 1:\n    {KEY}: 8 -> 9\n"
    )


def test_what_is_as_it_was_already_is_not_said_to_be_taken_back() -> None:
    said = with_records([transaction(1, [setting_item(KEY, "9", "8")])], "ec2rl undo")
    assert said == (
        "Change 1 left nothing that could be taken back:\n"
        f"    {KEY}: left alone: as before the change\n"
    )


RUN = "ec2rl run --only-modules=conntrackfull --interval=0"
OVER = (
    "ec2rl: Change 1 (fix conntrackfull) is on trial, and its time is over:\n"
    f"ec2rl:     {FILE}: 9 bytes -> 7 bytes\n"
)
SETTLED = "ec2rl: change 1 was on trial and not confirmed; it was taken back\n"


@pytest.mark.parametrize(
    "command",
    ["undo", "keep", "fix conntrackfull --set=max=524288 --persist-only --yes"],
)
def test_a_trial_that_is_over_and_whose_watcher_is_gone_is_told_and_ended(command: str) -> None:
    said = with_records(
        [transaction(1, [file_item(FILE, "# theirs\n", "# ours\n")])],
        f"echo 1790000000.5 > {JOURNAL}/note; tr -d '\\n' < {JOURNAL}/note > {JOURNAL}/trial-1\n"
        f"chmod 600 {JOURNAL}/trial-1; rm {JOURNAL}/note\n"
        f"printf '# ours\\n' > {FILE}; chmod 644 {FILE}\n"
        f"({RUN}; ec2rl history; ec2rl fix conntrackfull --dry-run; ec2rl undo --dry-run;\n"
        "ec2rl keep --dry-run; ec2rl keep 1 --dry-run) 2>&1\n"
        f"echo LOOKED; cat {FILE}; ec2rl {command} 2>&1; echo DONE; cat {FILE}; {RUN} 2>&1",
    )
    looked, done = said.split("LOOKED\n")
    assert OVER in looked
    assert "  applied, its trial is over: the next ec2rl fix, undo or keep settles it  " in looked
    assert looked.count("Change 1 (fix conntrackfull) is on trial, and its time is over:") == 5
    assert "ec2rl: change 1 would not be kept: it is settled first\n" in looked
    assert done.startswith("# ours\n")
    assert SETTLED in done
    after = done.split("DONE\n")[1]
    assert after.startswith("# theirs\n")
    assert "on trial" not in after


def test_what_was_pruned_is_told() -> None:
    item = file_item(FILE, "# theirs\n", "# ours\n")
    records = [transaction(n, [item], state="undone") for n in range(1, 56)]
    said = with_records(
        records,
        "ec2rl fix conntrackfull --set=max=524288 --persist-only --yes 2>&1; ec2rl history",
    )
    assert (
        "ec2rl: the records of these changes, undone or gone with a reboot, were dropped: "
        "1, 2, 3, 4, 5, 6\n"
    ) in said
    assert re.findall(r"^(\d+)  ", said, re.MULTILINE) == [str(n) for n in range(7, 57)]


@pytest.mark.slow
def test_forged_records_through_every_command() -> None:
    """A few of the campaign in tests/fuzz/records.py."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    program = str(Path(__file__).parent / "fuzz/records.py")
    done = subprocess.run(
        [sys.executable, program, "--count", "120"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "120 records, 0 faults\n\n"), done.stderr


def test_what_was_taken_back_in_part_is_not_in_the_way_of_the_rest() -> None:
    records = [
        transaction(1, [file_item(FILE, "# theirs\n", "# ours\n")]),
        transaction(2, [setting_item(KEY, "9", "8")], state="partly undone"),
    ]
    said = with_records(
        records,
        f"printf '# ours\\n' > {FILE}; chmod 644 {FILE}\n"
        f"echo 5 > {PROBES}; ec2rl undo --yes; echo RC $?; ec2rl undo --yes 2>&1; echo RC $?",
    )
    assert said.startswith(f"Took back change 1:\n    {FILE}: 7 bytes -> 9 bytes\nRC 0\n")
    assert (
        "ec2rl: passed over change 2: nothing is left there to take back; see: sudo ./ec2rl "
        "history\nThere is nothing to take back.\nRC 0\n"
    ) in said
