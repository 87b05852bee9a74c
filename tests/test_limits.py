"""Limits of the kernel are planned alike, whatever they bound: a module brings its facts alone."""

from __future__ import annotations

from ec2rl import limits
from ec2rl.host.recording import RecordedHost
from ec2rl.limits import AtBoot, FullSize, Limit, Subject
from ec2rl.model import FixRequest, Proposal, Risk
from ec2rl.next_boot.files import Names, boot_files
from ec2rl.remedies import SetSysctl, WriteFile

FILE = "/etc/sysctl.d/99-zz-ec2rl-files.conf"
FILES = Subject(
    room="Give the table of open files room",
    asked="Set the number of open files as asked",
    sizes="the number of open files",
    less="programs could open FEWER files",
    files=lambda host, wanted, write: boot_files(host, wanted, Names((FILE,)), write=write),
)
LOOKS = {
    "/proc/meminfo": "MemTotal: 1000000 kB\nMemAvailable: 800000 kB",
    "/proc/sys/fs/file-max": "1000",
    "ls /usr/lib/systemd": "systemd-sysctl",
    "ls /proc/sys/fs": "file-max",
}
HOST = RecordedHost(LOOKS)


def planned(wanted: int, request: FixRequest, now: int | None = 1000, octets: int = 0) -> Proposal:
    one = Limit("fs.file-max", now, wanted)
    refused = limits.refusals(FILES, [one], request, lambda _: "")
    size = FullSize("a full table", octets, 800_000 << 10)
    return limits.propose(HOST, request, FILES, [one], refused=refused, size=size)


def test_more_room_is_set_now_and_written_for_the_next_boot() -> None:
    [remedy] = planned(2000, FixRequest()).chosen
    assert (remedy.title, remedy.risk) == ("Give the table of open files room", Risk.SAFE)
    now, then = remedy.changes
    assert now == SetSysctl("fs.file-max", "2000", "1000")
    assert isinstance(then, WriteFile)
    assert then.text is not None
    assert (then.path, then.text.splitlines()[-1]) == (FILE, "fs.file-max = 2000")


def test_a_half_that_is_not_wanted_is_left_out_and_said() -> None:
    kept = planned(1000, FixRequest(now=False))
    assert kept.chosen[0].title == "Keep the number of open files for the next boot"
    lost = planned(2000, FixRequest(boot=False))
    assert lost.not_persistent == ("nothing is written for the next boot, as asked",)
    assert planned(1000, FixRequest(boot=False)) == Proposal()


def test_less_is_refused_unless_allowed_and_then_risky() -> None:
    assert planned(500, FixRequest()).refused == (
        "fs.file-max=500 is below today's 1,000: programs could open FEWER files (--allow-lower "
        "does it all the same)",
    )
    [remedy] = planned(500, FixRequest(lower=True)).chosen
    assert (remedy.title, remedy.risk) == ("Set the number of open files as asked", Risk.RISKY)
    assert (
        remedy.caveat == "fs.file-max=500 is below today's 1,000: programs could open FEWER files"
    )


def test_a_modules_own_caution_is_said_in_place_of_the_general_one() -> None:
    both = [Limit("fs.file-max", 1000, 500), Limit("fs.nr_open", 1000, 500)]
    own = {"fs.file-max": "file-max: 700 are open"}
    [remedy] = limits.propose(HOST, FixRequest(lower=True), FILES, both, cautions=own).chosen
    assert remedy.risk is Risk.RISKY
    assert remedy.caveat == (
        "file-max: 700 are open; fs.nr_open=500 is below today's 1,000: programs could open FEWER "
        "files"
    )


def test_too_much_memory_is_refused_unless_forced() -> None:
    [why] = planned(2000, FixRequest(), octets=300_000_000).refused
    assert why.startswith("a full table would take 286 MiB, 37% of the memory that is available")
    forced = planned(2000, FixRequest(force=True), octets=300_000_000)
    assert forced.refused == ()
    [remedy] = forced.chosen
    assert remedy.risk is Risk.RISKY
    assert remedy.caveat == (
        "a full table would take 286 MiB, 37% of the memory that is available, and the kernel "
        "cannot swap it out: the machine may run out"
    )
    assert planned(2000, FixRequest(), octets=200_000_000).refused == ()


def test_what_nobody_can_tell_is_risky_and_not_taken_for_nothing() -> None:
    unknown = [Limit("fs.file-max", None, 2000)]
    [remedy] = limits.propose(HOST, FixRequest(now=False), FILES, unknown).chosen
    assert (remedy.risk, remedy.caveat) == (
        Risk.RISKY,
        "what fs.file-max would be without this cannot be told: if it is more, programs could open "
        "FEWER files",
    )
    more, size = [Limit("fs.file-max", 1000, 2000)], FullSize("2000 files", 3 << 20, None)
    [remedy] = limits.propose(HOST, FixRequest(), FILES, more, size=size).chosen
    assert (remedy.risk, remedy.caveat) == (
        Risk.RISKY,
        "2000 files would take 3 MiB, and whether that is too much for this machine cannot be "
        "told, as its memory is not known",
    )


def test_the_next_boot_is_not_given_less_than_it_has_unless_asked() -> None:
    files = RecordedHost({**LOOKS, "/etc/sysctl.d/10-theirs.conf": "fs.file-max = 5000"})
    then = limits.at_boot(files, FILES, ["fs.file-max"], FixRequest())
    assert then == {"fs.file-max": AtBoot(5000, (5000,))}
    assert limits.at_boot(files, FILES, ["fs.file-max"], FixRequest(boot=False)) == {}
    found = Limit("fs.file-max", 1000, 2000, then=5000, asked=False)
    plan = limits.propose(files, FixRequest(), FILES, [found])
    assert plan.chosen[0].changes == (SetSysctl("fs.file-max", "2000", "1000"),)
    assert plan.chosen[0].risk is Risk.SAFE
    asked = Limit("fs.file-max", 1000, 2000, then=5000)
    assert limits.refusals(FILES, [asked], FixRequest(), lambda _: "") == (
        "fs.file-max=2000 is below 5,000, which the next boot has by the files as they are: "
        "programs could open FEWER files (--allow-lower does it all the same)",
    )


def test_a_value_that_means_no_limit_is_more_than_any_number() -> None:
    endless = Limit("fs.file-max", 0, 2000, endless=0)
    assert (endless.shrinks, endless.grows, endless.larger) == (True, False, "today's 0")
    none = Limit("fs.file-max", 2000, 0, endless=0)
    assert (none.shrinks, none.grows) == (False, True)


def test_a_key_that_is_not_there_cannot_be_set_now_but_for_another_machine() -> None:
    assert planned(2000, FixRequest(), now=None).refused == (
        "fs.file-max does not exist on this kernel, or could not be read",
    )
    assert planned(2000, FixRequest(now=False), now=None).chosen


def test_what_cannot_be_set_from_here_is_told_as_commands() -> None:
    one = Limit("fs.file-max", None, 2000)
    found = limits.propose(HOST, FixRequest(), FILES, [one], elsewhere="set it on the host")
    assert (found.chosen, found.refused) == ((), ("set it on the host",))
    assert found.by_hand[0] == "sysctl -w fs.file-max=2000"


def test_a_ladder_of_settings_stays_one_while_it_is_written() -> None:
    keys = ("a", "b", "c")
    today: dict[str, int | None] = {"a": 1, "b": 2, "c": 3}
    for wanted in ({"a": 4, "b": 5, "c": 6}, {"a": 0, "b": 0, "c": 1}, {"a": 2, "c": 2}):
        state = {"a": 1, "b": 2, "c": 3}
        for key in limits.ladder_order(keys, wanted, today):
            state[key] = wanted[key]
            assert [*state.values()] == sorted(state.values())
        assert [*limits.ladder_faults(keys, wanted, today)] == []
    faults = limits.ladder_faults(keys, {"b": 4}, today)
    assert [*faults] == ["b=4 is above c=3: set them together"]
    assert [*limits.ladder_faults(keys, {"b": 4}, {**today, "c": None})] == []
