"""How kube-proxy is told: its flags, its configuration file, and those of k3s and RKE2.

cmd/kube-proxy/app/options.go, pkg/proxy/apis/config/v1alpha1; k3s' pkg/configfilearg and
pkg/daemons/config (GetArgs): what the command line says comes after what the files say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ec2rl.facts import conf_files
from ec2rl.host import Host
from ec2rl.model import Evidence, Unreadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    Values = Mapping[str, tuple[str, Evidence]]

FLAGS = {
    "--conntrack-max-per-core": "maxPerCore",
    "--conntrack-min": "min",
    "--conntrack-tcp-timeout-established": "tcpEstablishedTimeout",
    "--conntrack-tcp-timeout-close-wait": "tcpCloseWaitTimeout",
    "--conntrack-udp-timeout": "udpTimeout",
    "--conntrack-udp-timeout-stream": "udpStreamTimeout",
}
MAX_WORDS = 5_000


def flag_values(words: Sequence[str], place: Evidence) -> tuple[Values, str]:
    """Read what flags say of conntrack, and the file that `--config` names, "" for none."""
    values: dict[str, tuple[str, Evidence]] = {}
    config = ""
    for name, value in _flags(words):
        if name == "--config":
            config = value
        elif name in FLAGS:
            values[FLAGS[name]] = (value, place)
    return values, config


def _flags(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """`--name=value` and `--name value`; an underscore in a name is a dash (pflag's rule there)."""
    words = words[:MAX_WORDS]
    for at, word in enumerate(words):
        name, equals, value = word.strip("\"'").partition("=")
        if name[:1] == "-":
            following = words[at + 1] if at + 1 < len(words) else ""
            yield name.replace("_", "-"), value if equals else following


def config_values(text: Evidence) -> tuple[Values, Evidence]:
    """Read `conntrack:` of a KubeProxyConfiguration in YAML, or in JSON of one value a line."""
    values: dict[str, tuple[str, Evidence]] = {}
    depth: int | None = None
    start = Evidence(text.source, "")
    for number, line in enumerate(text.text.split("\n"), 1):
        bare = line.strip().rstrip(",{").strip()
        indent = len(line) - len(line.lstrip())
        name, colon, value = bare.replace('"', "").partition(":")
        if depth is not None:
            if bare and indent <= depth:
                break
            if colon:
                place = Evidence(f"{text.source}:{number}", line.strip())
                values[name.strip()] = (value.strip(), place)
        elif name.strip() == "conntrack" and colon and not value.strip():
            depth, start = indent, Evidence(f"{text.source}:{number}", line.strip())
    return {k: v for k, v in values.items() if v[0] not in ("", "null", "~")}, start


def k3s_values(
    host: Host, words: Sequence[str], place: Evidence, config: str, program: str
) -> Values | Unreadable | None:
    """Tell what k3s or RKE2 is told of kube-proxy's flags.

    None where it has no agent, or no rights.
    """
    said = list(_flags(words))
    config = next((value for name, value in said if name in ("--config", "-c")), config)
    config = config or f"/etc/rancher/{program}/config.yaml"
    given: list[tuple[str, Evidence]] = []
    options = {name for name, _ in said if f"{name}=false" not in words}
    texts = [conf_files.text(host, config)]
    texts += conf_files.merged(host, (f"{config}.d",), ".yaml")
    for text in texts:
        if isinstance(text, Unreadable):
            return text
        for name, items in _yaml(text):
            if name.removesuffix("+") == "kube-proxy-arg":
                given = [*(given if name[-1:] == "+" else ()), *items]
            elif items and items[0][0] == "true":
                options.add(f"--{name}")
    given += [(value, place) for name, value in said if name == "--kube-proxy-arg"]
    if options & {"--rootless", "--disable-agent"}:
        return None
    values: dict[str, tuple[str, Evidence]] = {}
    for text_of, where in given:
        flag, _, value = text_of.strip("\"'").lstrip("-").partition("=")
        name = FLAGS.get("--" + flag.replace("_", "-"), "")
        if name:
            values[name] = (value, where)
    return values


def _yaml(text: Evidence) -> Iterator[tuple[str, list[tuple[str, Evidence]]]]:
    """Keys at the left edge with their values: one, `[a, b]`, or `- a` lines below."""
    name = ""
    items: list[tuple[str, Evidence]] = []
    for number, line in enumerate(text.text.split("\n"), 1):
        bare = line.partition(" #")[0].strip()
        if not bare or bare[0] == "#":
            continue
        place = Evidence(f"{text.source}:{number}", bare[:200])
        if bare.startswith("- "):
            items.append((bare[2:].strip().strip("\"'"), place))
            continue
        if line[0] in " \t":
            continue
        if name:
            yield name, items
        name, _, value = bare.partition(":")
        name = name.strip().strip("\"'")
        listed = value.strip().strip("[]").split(",") if "[" in value[:2] else [value]
        items = [(one.strip().strip("\"'"), place) for one in listed if one.strip()]
    if name:
        yield name, items
