"""A release: the same bytes each time, and every form of it works where it is put."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from building import sources
from building.completion import bash, fish, zsh
from building.manual import man_page
from building.one_file import one_file

from ec2rl.commands import all_commands

ROOT = Path(__file__).resolve().parents[1]
PYTHONS = {path.parents[1].name if ".pyenv" in str(path) else path.name: path
           for path in sources.pythons()}  # fmt: skip
QUIET = ROOT / "tests/modules/kernelbug/quiet.case"
OLD = sorted(Path.home().glob(".pyenv/versions/[23].[5678]*/bin/python"))

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (ROOT / ".git").exists(), reason="a release is made of what git knows"),
]


def run(
    *words: str | Path, env: dict[str, str] | None = None, cwd: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    whole = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **(env or {})}
    return subprocess.run(
        list(map(str, words)), env=whole, capture_output=True, text=True, timeout=120,
        check=False, stdin=subprocess.DEVNULL, cwd=cwd,
    )  # fmt: skip


def built(folder: Path, *words: str) -> dict[str, str]:
    """Build all that this system can; the digest of each file."""
    done = run(ROOT / "release", "--dirty", "--out", folder, *words,
               env={"HOME": str(Path.home()), "EC2RL_BUILD_PYTHON": sys.executable})  # fmt: skip
    assert done.returncode == 0, done.stderr
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("release")
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "key"], check=True
    )
    built(folder / "out", "--key", str(folder / "key"))
    yield folder / "out"
    shutil.rmtree(folder)


def test_a_copy_that_is_cut_short_is_no_success(release: Path, tmp_path: Path) -> None:
    """It is copied over connections that fail."""
    whole = (release / "ec2rl").read_bytes()
    stub = whole.index(b"\n}\n")
    for length in (100, stub // 2, stub, stub + 3, len(whole) // 2, len(whole) * 99 // 100):
        (tmp_path / "cut").write_bytes(whole[:length])
        done = run("sh", tmp_path / "cut", "run")
        assert done.returncode in (2, 69), length
        assert done.stderr != done.stdout == "", length


def test_what_is_piped_into_a_shell_says_to_save_it(release: Path) -> None:
    for words in (("-s", "version"), ("-s", "run", "--no-save")):
        with (release / "ec2rl").open("rb") as file:
            done = subprocess.run(
                ["sh", *words], stdin=file, capture_output=True, text=True, timeout=60, check=False
            )
        assert (done.returncode, done.stdout) == (69, "")
        assert "save it to a file first" in done.stderr


def test_it_is_built_the_same_twice(release: Path, tmp_path: Path) -> None:
    first = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in release.iterdir()}
    del first["SHA256SUMS.sig"]
    assert built(tmp_path / "elsewhere") == first


def test_the_signature_is_checked_as_the_help_says_and_one_byte_more_is_refused(
    release: Path, tmp_path: Path
) -> None:
    for path in release.iterdir():
        shutil.copy(path, tmp_path)
    shutil.copy(release.parent / "key.pub", tmp_path / "FILE.pub")
    told = run(ROOT / "release", "--help", env={"EC2RL_BUILD_PYTHON": sys.executable}).stdout
    how = told.partition("in FILE.pub:\n\n")[2]
    good = run("sh", "-ec", how, cwd=tmp_path)
    assert (good.returncode, good.stderr) == (0, "")
    assert good.stdout.startswith('Good "ec2rl" signature for ec2rl')
    with (tmp_path / "SHA256SUMS").open("a") as sums:
        sums.write("\n")
    assert run("sh", "-ec", how, cwd=tmp_path).returncode != 0


def told_by(program: Path, done: subprocess.CompletedProcess[str]) -> tuple[int, str, str]:
    """Status and words, without the name that it was called by and the times of the day."""
    shown = re.sub(r'"(time|started|seconds)": [^,\n]+', "", done.stdout)
    plain = [text.replace(str(program), "ec2rl") for text in (shown, done.stderr)]
    return done.returncode, plain[0], plain[1]


@pytest.mark.parametrize("name", PYTHONS)
def test_the_one_file_does_what_a_checkout_does(name: str, release: Path, tmp_path: Path) -> None:
    """From a folder that is full of traps, by each Python that it has a tree for."""
    (tmp_path / "ec2rl").mkdir()
    (tmp_path / "ec2rl/__init__.py").write_text("raise SystemExit('trapped')\n")
    (tmp_path / "zlib.py").write_text("raise SystemExit('trapped')\n")
    env = {"EC2RL_PYTHON": str(PYTHONS[name]), "PYTHONPATH": str(tmp_path)}
    for words in (["version"], ["list", "--json"], ["help", "run"],
                  ["explain", "oomkiller", "--page-only"], ["demo"], ["demo", "--list"],
                  ["conntrack", "tpo"],
                  ["run", "--no-save", "--json", f"--replay={QUIET}"]):  # fmt: skip
        mine, theirs = (
            told_by(one, run(one, *words, cwd=tmp_path, env=env))
            for one in (release / "ec2rl", ROOT / "ec2rl")
        )
        assert mine == theirs
    assert sorted(p.name for p in release.iterdir() if p.name.startswith("__")) == []


@pytest.mark.parametrize("path", OLD, ids=lambda path: path.parents[1].name)
def test_an_old_python_says_no(path: Path, release: Path) -> None:
    done = run(path, release / "ec2rl", "version")
    assert (done.returncode, done.stdout) == (69, "")
    assert done.stderr.startswith("ec2rl needs Python 3.9 or newer; this is ")


def test_a_python_without_a_tree_takes_the_sources(tmp_path: Path) -> None:
    target = tmp_path / "ec2rl"
    one_file(target, sources.shipped(), [], sources.commit_time())
    done = run(target, "explain", "oomkiller", "--page-only", env={"EC2RL_PYTHON": sys.executable})
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (ROOT / "src/ec2rl/modules/oomkiller.md").read_text()
    done = run(target, "list", env={"EC2RL_PYTHON": sys.executable})
    assert done.stdout == run(ROOT / "ec2rl", "list").stdout


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for a mount namespace")
def test_it_runs_from_memory_and_where_nothing_may_be_executed(release: Path) -> None:
    script = (
        "mount -t tmpfs -o noexec,nosuid none /mnt && cp $0 /mnt/rescue && cd / && "
        "! /mnt/rescue version && sh /mnt/rescue version && cd /mnt && sh rescue list && "
        "mount -t tmpfs -o size=32m none /dev/shm && cp $0 /dev/shm/ec2rl && rm rescue && "
        "/dev/shm/ec2rl run --no-save --only-modules=xennetrocket --json"
    )
    done = run("unshare", "-m", "--propagation=private", "sh", "-c", script, release / "ec2rl")
    assert done.returncode in (0, 3), done.stderr
    version = f"ec2rl {sources.version()}\n"
    assert done.stdout.startswith(version + "Module Name")
    assert '"schema_version"' in done.stdout


def test_the_wheel_runs(release: Path, tmp_path: Path) -> None:
    (path,) = release.glob("*.whl")
    shutil.unpack_archive(path, tmp_path, "zip")
    code = "import sys; from ec2rl.cli import main; sys.exit(main(['list', '--json']))"
    done = run(sys.executable, "-c", code, cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)})
    assert (done.returncode, done.stderr) == (0, "")
    assert len(json.loads(done.stdout)["modules"]) >= 11
    (info,) = tmp_path.glob("*.dist-info")
    listed = {line.split(",")[0] for line in (info / "RECORD").read_text().splitlines()}
    assert listed == {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*")
                      if p.is_file() and "__pycache__" not in p.parts}  # fmt: skip


def test_the_bill_has_every_file_and_its_digest(release: Path) -> None:
    (path,) = release.glob("*.cdx.json")
    bill = json.loads(path.read_text())
    assert (bill["bomFormat"], bill["specVersion"], bill["version"]) == ("CycloneDX", "1.6", 1)
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", bill["serialNumber"])
    assert bill["dependencies"] == [
        {"ref": "pkg:generic/ec2rl@" + sources.version(), "dependsOn": []}
    ]
    references = [one["bom-ref"] for one in bill["components"]]
    assert len(set(references)) == len(references)
    for one in bill["components"]:
        assert one["type"] == "file"
        (digest,) = one["hashes"]
        place = release / one["name"] if "/" not in one["name"] else ROOT / "src" / one["name"]
        assert digest == {
            "alg": "SHA-256",
            "content": hashlib.sha256(place.read_bytes()).hexdigest(),
        }


needs_dpkg = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="there is no dpkg-deb")


@needs_dpkg
def test_the_deb_holds_what_it_must_and_lintian_says_nothing(release: Path) -> None:
    (path,) = release.glob("*.deb")
    told = run("dpkg-deb", "-c", path).stdout
    for name in ("/usr/bin/ec2rl -> ../share/ec2rl/ec2rl", "/usr/share/man/man8/ec2rl.8.gz",
                 "/usr/share/bash-completion/completions/ec2rl", "/usr/share/doc/ec2rl/copyright",
                 "/usr/share/zsh/vendor-completions/_ec2rl", "/ec2rl/demo/full-table.case",
                 "/usr/share/fish/vendor_completions.d/ec2rl.fish",
                 "/ec2rl/modules/oomkiller.md"):  # fmt: skip
        assert f"{name}\n" in told
    assert {line.split()[1] for line in told.splitlines()} == {"root/root"}
    if shutil.which("lintian") is None:
        pytest.skip("there is no lintian here: the package was not looked at by it")
    done = run("lintian", "--no-cfg", "--allow-root", path)
    assert (done.returncode, done.stdout) == (0, "")


HERE = """
set -e
cd "$1"
mkdir up work root
mount -t tmpfs none up
mkdir up/upper up/work
mount -t overlay -o lowerdir=/,upperdir=up/upper,workdir=up/work none root
for one in proc sys dev; do mount --rbind /$one root/$one; done
mount -t tmpfs none root/tmp
rm -rf root/var/lib/ec2rl root/var/tmp/ec2rl
cp "$2" root/tmp/ec2rl.deb
cat > root/tmp/do <<'END'
files() { find /usr /etc /var/lib/ec2rl /var/tmp -print 2>/dev/null | sort; }
files > /tmp/before
export DEBIAN_FRONTEND=noninteractive
dpkg -i /tmp/ec2rl.deb >/tmp/dpkg 2>&1 || { cat /tmp/dpkg; exit 99; }
ec2rl version
ec2rl run --only-modules=xennetrocket >/tmp/out; echo "run $?"
test -d /var/tmp/ec2rl/ && echo "saved"
test -d /usr/share/ec2rl/src/ec2rl/__pycache__ && echo "compiled"
mkdir -p /var/lib/ec2rl/changes
cd /var/lib/ec2rl/changes
printf '%s\\n' '{"sha256": "x",' '"change": {' ' "state": "STATE",' ' "id": 1' '}}' > 1.json
dpkg -P ec2rl 2>&1 | grep -v '^(\\|^Removing\\|^Purging\\|^Processing'
files > /tmp/after
diff /tmp/before /tmp/after
END
sed -i "s/STATE/$3/" root/tmp/do
chroot root sh /tmp/do
"""


@needs_dpkg
@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for a root of its own")
@pytest.mark.parametrize("state", ["undone", "applied"])
def test_a_purge_leaves_nothing_but_changes_in_force_which_are_told(
    state: str, release: Path, tmp_path: Path
) -> None:
    """On this system's own root, beneath a layer that goes away."""
    (path,) = release.glob("*.deb")
    done = run(
        "unshare", "-m", "--propagation=private", "sh", "-c", HERE, "-", tmp_path, path, state
    )
    if "wrong fs type" in done.stderr or "unknown filesystem" in done.stderr:
        pytest.skip("this kernel has no overlay")
    version, ran, *rest = done.stdout.splitlines()
    assert version == f"ec2rl {sources.version()}", done.stderr
    assert ran in ("run 0", "run 3")
    assert rest[:2] == ["saved", "compiled"]
    if state == "undone":
        assert rest[2:] == []
        return
    told = "\n".join(rest[2:])
    assert "ec2rl: changes that it made are in force" in told
    assert "/var/lib/ec2rl/changes: 1.json" in told
    left = re.findall(r"^> (.*)", told, re.MULTILINE)
    assert left == ["/var/lib/ec2rl", "/var/lib/ec2rl/changes", "/var/lib/ec2rl/changes/1.json"]


def test_the_man_page_has_every_command_and_option_and_no_fault(tmp_path: Path) -> None:
    text = man_page("2.0", 0)
    plain = text.replace("\\-", "-")
    for name, command in all_commands().items():
        assert f'.SS "ec2rl {name}' in plain
        for option in command.options:
            assert f"--{option}" in plain
    if shutil.which("man") is None:
        pytest.skip("there is no man here")
    (tmp_path / "ec2rl.8").write_text(text)
    done = run(
        "man", "--warnings", "-l", tmp_path / "ec2rl.8", env={"LC_ALL": "C.UTF-8", "MANWIDTH": "80"}
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("words", "first", "all_of_them"),
    [
        (["ec2rl", ""], "run", {"run", "demo", "conntrack", "fix"}),
        (["ec2rl", "conntrack", ""], "top", {"top", "free", "boot"}),
        (["ec2rl", "conntrack", "to"], "top", {"top"}),
        (["ec2rl", "fix", "neigh"], "neighbourfull", {"neighbourfull"}),
        (["ec2rl", "fix", "conntrackfull", "--dry"], "--dry-run", {"--dry-run"}),
        (["ec2rl", "run", "--only-modules", "=", "kernelo"], "kerneloops", {"kerneloops"}),
        (["ec2rl", "demo", "vol"], "volume", {"volume"}),
    ],
)
def test_bash_completes(
    words: list[str], first: str, all_of_them: set[str], tmp_path: Path
) -> None:
    (tmp_path / "c").write_text(bash())
    script = f'. ./c; COMP_WORDS=("$@"); COMP_CWORD={len(words) - 1}; _ec2rl; '
    script += 'printf "%s\\n" "${COMPREPLY[@]}"'
    done = run("bash", "-c", script, "-", *words, cwd=tmp_path)
    told = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (0, "")
    assert told[0] == first
    assert all_of_them <= set(told)


@pytest.mark.parametrize(("shell", "text"), [("bash", bash()), ("zsh", zsh()), ("fish", fish())])
def test_the_completions_are_understood(shell: str, text: str, tmp_path: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} here")
    (tmp_path / "c").write_text(text)
    done = run(shell, "-n", tmp_path / "c")
    assert (done.returncode, done.stderr) == (0, "")
    for name in all_commands():
        assert name.split()[-1] in text


@pytest.mark.skipif(shutil.which("fish") is None, reason="there is no fish here")
@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("ec2rl conntrack t", "top"),
        ("ec2rl fix neigh", "neighbourfull"),
        ("ec2rl fix conntrackfull --dr", "--dry-run"),
        ("ec2rl demo v", "volume"),
    ],
)
def test_fish_completes(typed: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "c").write_text(fish())
    env = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    done = run("fish", "-N", "-c", f"source c; complete -C '{typed}'", cwd=tmp_path, env=env)
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == [told]
