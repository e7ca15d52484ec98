"""Profiles as nobody would write them: from real ones by small harm, from the grammar by chance, from bytes by luck.

Seeded, so that number 4711 is the same document for everybody.
"""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

_SHIPPED = (Path(__file__).parents[3] / "profiles" / "workstation.yaml").read_text()

_WORDS = (
    "value", "mode", "why", "source", "warn", "enforce", "ignore", "name", "devices", "serial", "count", "scheduler",
    "none", "nr_requests", "vm.swappiness", "vm.dirty_bytes", "vm.dirty_ratio", "net/ipv4/conf/eth0.1/rp_filter",
    "kernel.core_pattern", "../../etc/passwd", "/etc/shadow", "a" * 300, "0755", "0000:01:00.0", "off", "null", "~",
    "NaN", ".inf", "1e400", "-1", "0", "99999999999999999999999999", ">=5", "<= 7", ">=", ">=NaN", "15TB", "5s",
    "schema", "summary", "extends", "leave_out", "tune", "sysctl", "block-queue", "transparent-hugepages", "filesystem",
    "places", "benchmarks", "match", "workstation", "loop", "mount_point", "options", "noatime", "make", "when-empty",
    "ä", "\u202e", "'", '"', "&a x", "*a", "!!int 3", "!x y", "<<", "? x", "- x", "#", "%YAML 1.1", "{}", "[]", "|",
    ">", "\t", "\x00", "${HOME}", "$(reboot)", "`id`", ";reboot", "eth0;reboot", "-J", "\\x41", "",
)  # fmt: skip
_TOP = ("schema", "summary", "name", "extends", "leave_out", "match", "tune", "places", "benchmarks", "nonsense")
_TUNABLES = ("sysctl", "block-queue", "transparent-hugepages", "filesystem", "nonsense")


def generate(number: int) -> bytes:
    """The document of this number."""
    source = random.Random(number)
    kinds: tuple[Callable[[random.Random], bytes], ...] = (_harmed, _grown, _grown, _fitting, _fitting, _bytes)
    return source.choice(kinds)(source)


def _harmed(source: random.Random) -> bytes:
    """The shipped profile with a few characters, words or lines changed, moved or repeated."""
    lines = _SHIPPED.splitlines()
    for _ in range(source.randint(1, 6)):
        at = source.randrange(len(lines))
        match source.randrange(7):
            case 0:
                del lines[at]
            case 1:
                lines.insert(at, lines[source.randrange(len(lines))])
            case 2:
                lines[at] = " " * source.randint(0, 9) + lines[at].strip()
            case 3:
                key, colon, _ = lines[at].partition(":")
                lines[at] = f"{key}{colon} {source.choice(_WORDS)}"
            case 4:
                place = source.randrange(len(lines[at]) + 1)
                lines[at] = lines[at][:place] + source.choice(_WORDS) + lines[at][place:]
            case 5:
                lines[at] = lines[at].replace(":", source.choice((";", "::", " :", "")), 1)
            case _:
                lines[at:at] = [lines[at]] * source.randint(1, 3)
        lines = lines or [""]
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def _grown(source: random.Random) -> bytes:
    """A document from the grammar: keys mostly known, values of any shape."""
    import json

    document: dict[str, Any] = {"schema": 1, "summary": "generated"}
    for key in source.sample(_TOP, source.randint(1, 6)):
        document[key] = _node(source, 0)
    if source.random() < 0.8:
        document["tune"] = {name: _node(source, 0) for name in source.sample(_TUNABLES, source.randint(1, 3))}
    if source.random() < 0.3:
        document["extends"] = source.sample(
            ("workstation", "nothing", "../x", "loop", "generated"), source.randint(1, 3)
        )
    return json.dumps(document, ensure_ascii=source.random() < 0.5).encode("utf-8", "surrogatepass")


def _fitting(source: random.Random) -> bytes:
    """A document of the right shape, most of whose values mean something."""
    import json

    keys = (
        "vm.swappiness",
        "vm.dirty_bytes",
        "vm.dirty_ratio",
        "vm.max_map_count",
        "a.b",
        "net/ipv4/conf/e.1/x",
        "x y",
    )
    queue: dict[str, Any] = {"name": "x", "devices": {"serial": source.choice(_WORDS)}}
    for knob in source.sample(("nr_requests", "nomerges", "rq_affinity", "read_ahead_kb", "wbt_lat_usec"), 2):
        queue[knob] = _setting(source)
    document = {
        "schema": 1,
        "summary": "fits",
        "tune": {
            "sysctl": {key: _setting(source) for key in source.sample(keys, source.randint(0, 3))},
            "block-queue": [queue][: source.randint(0, 1)],
            "transparent-hugepages": {"enabled": source.choice(("always", "madvise", "never", "off"))},
        },
        "extends": ["workstation"][: source.randint(0, 1)],
    }
    return json.dumps(document).encode("utf-8", "surrogatepass")


def _setting(source: random.Random) -> Any:
    value = source.choice((1, 2, 10, 64, 1_000_000, 2**31, ">=1", "<= 64", "1 2 3", source.choice(_WORDS)))
    return source.choice((value, {"value": value, "mode": source.choice(("warn", "ignore", "enforce")), "why": "x"}))


def _node(source: random.Random, depth: int) -> Any:
    shape = source.random()
    if depth > 5 or shape < 0.4:
        word = source.choice(_WORDS)
        return source.choice((word, word, source.randint(-5, 2**40), source.random(), source.random() < 0.5, None))
    if shape < 0.75:
        return {source.choice(_WORDS): _node(source, depth + 1) for _ in range(source.randint(0, 5))}
    return [_node(source, depth + 1) for _ in range(source.randint(0, 5))]


def _bytes(source: random.Random) -> bytes:
    """Indicators of YAML and odd bytes in any order."""
    pieces = [word.encode("utf-8", "surrogatepass") for word in _WORDS]
    pieces += [
        b"\n",
        b"\n  ",
        b"\n- ",
        b": ",
        b", ",
        b"{",
        b"}",
        b"[",
        b"]",
        b"---\n",
        b"...\n",
        b"\xff",
        b"\xc3",
        b"\r",
    ]
    return b"".join(source.choice(pieces) for _ in range(source.randint(1, 400)))
