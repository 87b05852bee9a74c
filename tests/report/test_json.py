"""The JSON report is what its schema says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from ec2rl import modules
from ec2rl.catalogue import load
from ec2rl.host.recording import RecordedHost, sections
from ec2rl.model import Finding, Verdict, say
from ec2rl.module import diagnose
from ec2rl.report import json_report
from ec2rl.report.formats.json import write
from ec2rl.report.json_report import Judged, report

SCHEMA = json.loads((Path(json_report.__file__).parent / "report.schema.json").read_text())
MODULES = Path(modules.__file__).parent
OWN = {
    path.name.partition(".")[0]: json.loads(path.read_text())
    for path in MODULES.glob("*.schema.json")
}
"""What the results of a module have more."""
CASES = sorted((Path(__file__).parents[1] / "modules").glob("*/*.case"))


def document(*judged: Judged) -> dict[str, object]:
    data = report(
        judged,
        {"name": "ec2rl", "version": "2"},
        {"name": "h", "kernel": "6", "machine": "x86_64"},
        started="2026-11-24T02:00:00Z",
        seconds=1.0,
        run_folder=None,
        interrupted=False,
    )
    made: dict[str, object] = json.loads(write(data))
    return made


def validate(made: Any) -> None:
    """ValidationError unless it is a report, and each result has what its module has more."""
    jsonschema.Draft202012Validator(SCHEMA).validate(made)
    for result in made["results"]:
        jsonschema.Draft202012Validator(OWN.get(result["module"], {})).validate(result)


@pytest.mark.parametrize("schema", [SCHEMA, *OWN.values()], ids=["report", *OWN])
def test_the_schema_is_one(schema: dict[str, object]) -> None:
    jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}/{path.stem}")
@pytest.mark.sampled(4)
def test_every_case_gives_a_report_of_the_schema(path: Path) -> None:
    module = load(path.parent.name)
    host = RecordedHost(sections(path.read_text(encoding="utf-8"))[1])
    found = diagnose(module, host)
    judged = Judged(module.name, module.domain, module.class_, found.finding, 0.1, found.by_hand)
    validate(document(judged))


def test_what_is_not_known_is_null_and_never_nought() -> None:
    """No log, no counters, no limit, no answer of the ENA driver: not one number is made up."""
    module = load("conntrackfull")
    looks = {
        "link /proc/self/ns/pid": "pid:[4026531836]",
        "link /proc/self/ns/net": "net:[4026531840]",
        "link /proc/1/ns/net": "net:[4026531840]",
        "/proc/1/net/stat/nf_conntrack": "!denied",
        "/proc/sys/net/netfilter/nf_conntrack_max": "!denied",
        "/dev/kmsg": "!denied",
        "ls /sys/bus/pci/drivers/ena": "!denied",
    }
    host = RecordedHost(looks)
    finding = diagnose(module, host).finding
    judged = Judged(module.name, module.domain, module.class_, finding, 0.1)
    made: Any = document(judged)
    validate(made)
    (found,) = made["results"]
    (namespace,) = found["namespaces"]
    numbers = {
        **found["conntrack"],
        **found["counters"],
        **found["allowances"][0],
        **{name: n for name, n in namespace.items() if name not in ("inode", "initial")},
        "lines": found["log"]["this_boot"]["lines_at_least"],
        "suppressed": found["log"]["this_boot"]["suppressed_estimate"],
        "unverified": found["log"]["unverified"]["lines_at_least"],
        "forged": found["log"]["forged_lines"],
        "census": found["census"],
    }
    words = {name: known for name, known in numbers.items() if known is not None}
    assert words == {
        "owner": "",
        "names": [],
        "interface": "ENA",
        "unreadable": "/proc/1/net/stat/nf_conntrack: denied",
    }


def broken(**changes: object) -> dict[str, object]:
    made = document(Judged("x", "net", "diagnose", Finding(Verdict.OK, say("y")), 0.0))
    results = made["results"]
    assert isinstance(results, list)
    results[0].update(changes)
    return made


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "OK"},
        {"verdict": "SUCCESS"},
        {"summary": None},
        {"details": "text"},
        {"module": "../x"},
        {"seconds": -1},
        {"module": "conntrackfull"},
        {"evidence": [{"source": "x"}]},
    ],
)
def test_the_schema_refuses_what_is_no_report(changes: dict[str, object]) -> None:
    validate(broken())
    with pytest.raises(jsonschema.ValidationError):
        validate(broken(**changes))


@pytest.mark.parametrize(
    "changes", [{"namespaces": [{"inode": 0}]}, {"counters": {"drop": "0"}}, {"census": 0}]
)
def test_a_module_has_facts_of_its_own_form(changes: dict[str, object]) -> None:
    unknown = {"module": "conntrackfull", "verdict": "UNKNOWN"}
    validate(broken(**unknown))
    with pytest.raises(jsonschema.ValidationError):
        validate(broken(**unknown, **changes))


def test_a_report_says_nothing_more_at_its_top() -> None:
    with pytest.raises(jsonschema.ValidationError):
        validate({**broken(), "more": 1})
