"""`undo`, `keep` and `history` where somebody else has been at work since, or the kernel rounds."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from ec2rl.facts.change import Image
from ec2rl.fix.change import Found, State
from ec2rl.fix.errors import Refused
from ec2rl.fix.kinds.artefact import look
from ec2rl.fix.machine import Machine
from ec2rl.fix.transaction import apply, end_trials, history, in_force, undo
from fix.records import FILE, file_item, setting_item, transaction
from fix.small import MAX, build, put, setting
from fix.test_fix_order import of_settings
from test_changes_commands import JOURNAL, with_records
from test_volume import MODULES, lay
from test_volume import ec2rl as volume
from test_volume_journal import KEY, PROBES

pytestmark = [pytest.mark.root, pytest.mark.more]

ROUNDED = "net.ipv4.neigh.lo.base_reachable_time_ms"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return build(str(tmp_path))


def test_undo_goes_on_to_what_is_ours_where_the_newest_is_not() -> None:
    said = with_records(
        [
            transaction(1, [file_item(FILE, "# theirs\n", "# ours\n")]),
            transaction(2, [setting_item(KEY, "9", "8")]),
        ],
        f"printf '# ours\\n' > {FILE}; chmod 644 {FILE}; echo 5 > {PROBES}\n"
        "ec2rl undo --yes 2>&1; echo RC $?; ec2rl undo --yes 2>&1; echo RC $?\n"
        f"ec2rl undo 2 --partial --yes 2>&1; echo RC $?; ec2rl history; cat {PROBES}",
    )
    over = "ec2rl: passed over change 2: nothing is left there to take back; see: "
    assert said.count(over) == 2
    assert f"Took back change 1:\n    {FILE}: 7 bytes -> 9 bytes\nRC 0\n" in said
    assert "There is nothing to take back.\nRC 0\n" in said
    assert "Change 2 left nothing that could be taken back:" in said
    assert said.endswith("it is 5 now\n5\n")
    assert "  applied  " in said.partition("\n2  ")[2]


@pytest.mark.parametrize(
    ("edit", "is_ours"),
    [
        ("echo '# mine' >>", True),
        ("sed -i '1i # mine'", True),
        ("sed -i s/262144/100000/", False),
        ("echo vm.swappiness=1 >", False),
    ],
)
def test_a_change_that_is_in_force_is_not_passed_over_for_an_older_one(
    tmp_path: Path, edit: str, is_ours: bool
) -> None:
    root = lay(tmp_path)
    assert volume(root, "fix", "conntrackfull", "--set=max=524288", "--yes").returncode == 0
    modules = (root / MODULES).read_bytes()
    assert (
        volume(
            root, "fix", "conntrackfull", "--set=max=262144", "--allow-lower", "--yes"
        ).returncode
        == 0
    )
    (own,) = [one for one in root.glob("etc/sysctl.d/*.conf") if "262144" in one.read_text()]
    subprocess.run(f"{edit} {own}", shell=True, check=True)
    done = volume(root, "undo", "--yes", "--partial")
    assert ("passed over change 2" in done.stderr) is not is_ours, done.stderr
    assert ((root / MODULES).exists() and (root / MODULES).read_bytes() == modules) is is_ours
    assert done.returncode == (1 if is_ours else 0)


def test_the_kernel_makes_another_value_of_the_one_before() -> None:
    """Times in ms are kept in jiffies: what is put back is the value that was there, or none."""
    path = f"/proc/sys/{ROUNDED.replace('.', '/')}"
    said = with_records(
        [transaction(1, [setting_item(ROUNDED, "10001", "20000")])],
        f"echo 20000 > {path}; ec2rl undo --yes 2>&1; echo RC $?; cat {path}; ec2rl history",
    )
    if "10001: the kernel makes" not in said:
        pytest.skip(f"this kernel keeps 10001 ms as it is: {said}")
    assert "ec2rl: nothing of change 1 was changed: " in said
    assert "it is 20000\n" in said
    assert "RC 1\n20000\n" in said
    assert "somebody else" not in said


def test_history_names_who_left_it_so_and_nobody_else(machine: Machine) -> None:
    for wanted in of_settings(["262145", "262146", "262147"]):
        apply((wanted,), machine=machine, why="")

    def said(number: int) -> tuple[Found | None, int, int]:
        (one,) = in_force(history(machine=machine), machine=machine)[number]
        return one.found, one.by, one.undo_of

    assert said(1) == (Found.CHANGED, 3, 0)
    put(setting(machine.root, MAX), "9\n")
    assert [said(number) for number in (1, 2, 3)] == [(Found.CHANGED, 0, 0)] * 3
    put(setting(machine.root, MAX), "262145\n")
    undo(1, machine=machine)
    assert [said(number) for number in (2, 3)] == [(Found.CHANGED, 0, 1)] * 2


def test_a_part_that_is_nobodys_to_take_back_changes_no_record(machine: Machine) -> None:
    for wanted in of_settings(["262145"]):
        apply((wanted,), machine=machine, why="")
    put(setting(machine.root, MAX), "9\n")
    (outcome,) = undo(1, machine=machine, partial=True)
    assert outcome.found is Found.CHANGED
    assert history(machine=machine)[0].state is State.APPLIED


def test_a_trial_that_ran_out_is_told_as_that(machine: Machine) -> None:
    for wanted in of_settings(["262145"]):
        apply((wanted,), machine=machine, why="", until=1.0)
    assert end_trials(2.0, machine=machine) == (1,)
    (change,) = history(machine=machine)
    assert change.state is State.UNDONE
    assert change.notes[0].startswith("its trial ran out: taken back 20")


def test_values_are_told_with_their_thousands_apart() -> None:
    key = "net.ipv4.tcp_keepalive_time"
    path = f"/proc/sys/{key.replace('.', '/')}"
    said = with_records(
        [transaction(1, [setting_item(key, "7200", "9")])],
        f"echo 1000 > {path}; ec2rl history; echo 9 > {path}; ec2rl undo --dry-run",
    )
    assert f"    {key}: 7,200 -> 9\n" in said
    assert "somebody else changed it since, it is 1,000 now\n" in said
    assert said.endswith(f"    {key}: 9 -> 7,200\n")


def test_keep_says_why_there_is_nothing_to_keep() -> None:
    record = transaction(
        1, [setting_item(KEY, "9", "8")], state="undone", notes=["its trial ran out: taken back X"]
    )
    said = with_records(
        [record, transaction(2, [setting_item(KEY, "9", "8")])],
        "for n in '' 1 2 99; do ec2rl keep $n 2>&1; echo RC $?; done; ec2rl keep 1 --json",
    )
    see = "see: sudo ./ec2rl history"
    assert said.startswith(
        "ec2rl: no change is on trial; the last one: change 2 stays already: it is not on trial\n"
        f"RC 1\nec2rl: change 1 is undone; its trial ran out: taken back X; {see}\nRC 1\n"
        "ec2rl: change 2 stays already: it is not on trial\nRC 1\n"
        f"ec2rl: there is no change 99; {see}\nRC 1\n"
    )
    answer = json.JSONDecoder().raw_decode(said[said.index("{") :])[0]
    assert answer["messages"] == [f"change 1 is undone; its trial ran out: taken back X; {see}"]


def test_what_keep_would_do_is_shown_and_not_done() -> None:
    said = with_records(
        [transaction(1, [setting_item(KEY, "9", "8")])],
        f"echo 8 > {PROBES}; printf %s.5 $(($(date +%s) + 3600)) > {JOURNAL}/trial-1\n"
        f"chmod 600 {JOURNAL}/trial-1; ec2rl keep --dry-run; echo RC $?; ec2rl history\n"
        "ec2rl keep --dry-run --json; ec2rl keep --yes; echo RC $?; ec2rl history",
    )
    assert said.startswith("Change 1 would be kept until the next boot.")
    looked, _, kept = said.partition("{")
    assert "RC 0\n" in looked
    assert "  applied, on trial until " in looked
    answer = json.JSONDecoder().raw_decode("{" + kept)[0]
    assert (answer["dry_run"], answer["kept"], answer["change"]) == (True, False, 1)
    done = kept.partition("Change 1 is kept until the next boot.")[2]
    assert "RC 0\n" in done
    assert "on trial" not in done


@pytest.mark.parametrize("words", ["99", "1", "1 --dry-run"])
def test_an_answer_in_data_says_why_nothing_was_done(words: str) -> None:
    said = with_records(
        [transaction(1, [setting_item(KEY, "9", "8")])],
        f"echo 5 > {PROBES}; ec2rl undo {words} --yes --json 2>/dev/null; echo RC $?",
    )
    answer = json.loads(said.partition("RC")[0])
    assert said.endswith("RC 1\n")
    assert (answer["done"], answer["changes"]) == (False, [])
    why = "there is no change 99" if words == "99" else "somebody else has changed since"
    assert why in answer["messages"][0]


def test_all_that_a_volumes_record_would_write_is_shown(tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    long = "".join(f"# line {n}\n" for n in range(60)) + f"{'x' * 300} hidden = 1\n"
    said = with_records(
        [transaction(1, [file_item(FILE, long, "# ours\n")])],
        f"mkdir -p {volume}/etc/sysctl.d {volume}/var/lib; cp -a /var/lib/ec2rl {volume}/var/lib\n"
        f"printf '# ours\\n' > {volume}{FILE}; chmod 644 {volume}{FILE}\n"
        f"ec2rl undo 1 --dry-run --root={volume}; cat {volume}{FILE}",
    )
    assert all(f"+# line {n}\n" in said for n in range(60))
    assert "x hidden = 1\n" in said
    assert said.endswith("\n# ours\n")


def test_what_a_folder_is_in_the_way_of_is_refused_before(tmp_path: Path) -> None:
    said = with_records(
        [transaction(1, [file_item(FILE, "# theirs\n", "# ours\n")])],
        f"printf '# ours\\n' > {FILE}; chmod 644 {FILE}; cd /etc/sysctl.d\n"
        f"mkdir .ec2rl-1-{Path(FILE).name}.new; cd /\n"
        f"ec2rl undo --yes 2>&1; echo RC $?; cat {FILE}; ls {JOURNAL}",
    )
    assert f"{Path(FILE).name}.new is in the way\nRC 1\n# ours\n" in said
    assert "unfinished" not in said


@pytest.mark.slow
def test_images_that_records_claim_are_compared_up_to_a_limit(machine: Machine) -> None:
    """Sparse files take no room on a volume, and their checksums take a second each."""
    place = Path(machine.root, "boot")
    place.mkdir()
    for n in range(9):
        with open(place / f"i{n}", "wb") as file:
            file.truncate(1 << 30)
    fd = os.open(place, os.O_RDONLY)
    try:
        for n in range(8):
            assert isinstance(look(fd, f"i{n}"), Image)
        with pytest.raises(Refused, match="8 GiB of images were compared, and no more"):
            look(fd, "i8")
    finally:
        os.close(fd)
        look.__globals__["_compared"][0] = 0
