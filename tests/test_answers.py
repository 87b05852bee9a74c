"""Each command answers with a document of its schema, whatever it is asked of."""

from __future__ import annotations

from pathlib import Path

import jsonschema  # type: ignore[import-untyped]
import pytest

from ec2rl.commands import all_commands
from fix.records import setting_item, transaction
from support.answers import COMMANDS, validate
from test_changes_commands import with_records
from test_cli import ec2rl
from test_volume_journal import KEY, PROBES

ALONE = {
    "boot": ("vm.swappiness", "net.core.somaxconn"),
    "conntrack boot": (),
    "conntrack free": ("--dry-run", "--state=CLOSE"),
    "conntrack list": ("--limit=3",),
    "conntrack namespaces": (),
    "conntrack size": ("--interval=0",),
    "conntrack top": (),
    "conntrack whatif": ("udp_timeout=20",),
    "demo": ("--list",),
    "explain": ("kernelbug",),
    "fix": ("neighbourfull", "--dry-run", "--set=gc_thresh3=4096"),
    "help": (),
    "history": (),
    "keep": (),
    "list": (),
    "run": ("--no-save", "--only-modules=kernelbug"),
    "software-check": (),
    "undo": ("--dry-run",),
    "version": (),
    "version-check": (),
    "bug-report": (),
}
OF_A_FILE = {
    "conntrack list": (),
    "conntrack top": (),
    "conntrack whatif": ("udp_timeout=20", "icmp_timeout=5"),
}


@pytest.mark.more
def test_each_command_has_its_words_here_and_its_schema() -> None:
    assert sorted(ALONE) == sorted(all_commands())
    assert {*ALONE} - {"run"} <= {*COMMANDS}
    for schema in COMMANDS.values():
        jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("command", ALONE)
@pytest.mark.sampled(5)
def test_what_is_asked_of_this_machine(command: str) -> None:
    done = ec2rl(*command.split(), "--json", *ALONE[command])
    made = validate(command, done.stdout)
    assert made["tool"]["name"] == "ec2rl"
    assert set(made) >= {"schema_version", "host", "time"}


@pytest.mark.parametrize("command", OF_A_FILE)
def test_what_is_asked_of_a_saved_table(command: str, tmp_path: Path) -> None:
    table = tmp_path / "table"
    line = (
        "tcp      6 431000 ESTABLISHED src=10.0.9.{0} dst=10.0.4.17 sport=4{0:04} dport=443 "
        "src=10.0.4.17 dst=10.0.9.{0} sport=443 dport=4{0:04} [ASSURED] mark=7 use=1\n"
        "udp      17 29 src=10.0.9.{0} dst=10.0.4.53 sport=5{0:04} dport=53 [UNREPLIED] "
        "src=10.0.4.53 dst=10.0.9.{0} sport=53 dport=5{0:04} mark=0 zone=3 use=1\n"
    )
    table.write_text("".join(map(line.format, range(50))))
    done = ec2rl(*command.split(), "--json", f"--file={table}", *OF_A_FILE[command])
    assert validate(command, done.stdout)


LOG = (
    "[    0.000000] Linux version 6.1.0\n"
    "[  100.000000] nf_conntrack: nf_conntrack: table full, dropping packet\n"
)


@pytest.mark.parametrize("how", ["{}", "--log={}"])
@pytest.mark.more
def test_a_page_and_what_is_found_in_a_saved_log(how: str, tmp_path: Path) -> None:
    path = tmp_path / "dmesg"
    path.write_text(LOG)
    asked = "explain", "conntrackfull", how.format(path)
    (report,) = validate("explain", ec2rl(*asked, "--json").stdout)["reports"]
    assert [one["status"] for one in report["results"]] == ["FAILURE"]
    said = ec2rl(*asked)
    assert said.stdout.startswith("# conntrackfull\n")
    assert "[FAILURE] Conntrack table full errors found." in said.stdout
    missing = ec2rl("explain", "conntrackfull", str(tmp_path / "none"))
    assert (missing.returncode, missing.stdout) == (2, "")


@pytest.mark.root
@pytest.mark.more
def test_what_was_changed_and_taken_back() -> None:
    said = with_records(
        [transaction(1, [setting_item(KEY, "9", "8")])],
        f"echo 8 > {PROBES}\n"
        "for how in history 'undo --dry-run' 'undo' 'undo --yes' 'undo --yes' history\n"
        "do ec2rl $how --json 2>/dev/null; echo; echo ---; done",
    )
    first, plan, refused, done, again, last = said.split("\n---\n")[:6]
    assert [one["state"] for one in validate("history", first)["changes"]] == ["applied"]
    found = validate("undo", plan)
    assert (found["dry_run"], found["done"]) == (True, False)
    assert found["changes"][0]["items"] == [
        {"target": KEY, "before": "9", "after": "8", "found": "as the change left it"}
    ]
    assert not validate("undo", refused)["done"]
    assert [one["state"] for one in validate("undo", done)["changes"]] == ["undone"]
    assert validate("undo", again)["changes"] == []
    assert [one["state"] for one in validate("history", last)["changes"]] == ["undone"]
