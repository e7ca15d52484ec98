"""One systemd unit, read from its files: unit file, mask, links, drop-ins, control group.

Where it stands is systemd's load path (systemd.unit(5)), whose first file of a name wins; a link to /dev/null or an
empty file masks. Whether it runs: its control group holds processes, or PID 1 keeps the record of its invocation, which
a oneshot that stays active has too. Timers, sockets and targets have neither; on the running machine PID 1 is asked for
those, on a captured tree it is not known.
"""

import posixpath
from collections.abc import Iterator
from typing import TYPE_CHECKING

from nodeagent.model.unit_file import UnitFile, parse_unit_file
from nodeagent.model.unit_state import ETC_UNITS, RUN_UNITS, UnitState

if TYPE_CHECKING:
    from nodeagent.host.host import Host

LOAD_PATH = (
    "/etc/systemd/system.control",
    "/run/systemd/system.control",
    "/run/systemd/transient",
    "/run/systemd/generator.early",
    ETC_UNITS,
    "/etc/systemd/system.attached",
    RUN_UNITS,
    "/run/systemd/system.attached",
    "/run/systemd/generator",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
    "/run/systemd/generator.late",
)
INVOCATIONS = "/run/systemd/units"

_CGROUP_ROOTS = ("/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd")
_ENABLING = (".wants", ".requires", ".upholds")
_WITHOUT_PROCESSES = (".timer", ".socket", ".path", ".target", ".automount")
_ALIAS_LIMIT = 4
_ASK_SECONDS = 10.0


def systemd_runs(host: "Host") -> bool:
    """Is systemd PID 1 of this machine (sd_booted(3))?"""
    return host.stat(RUN_UNITS).kind == "directory"


def read_unit(host: "Host", asked: str) -> UnitState:
    """The unit of this name, or of the one it is an alias for; `exists` is False where there is none."""
    name = _own_name(host, asked)
    mask, fragment = _places(host, name)
    if not (mask or fragment):
        return UnitState(name=name, drop_ins=_drop_ins(host, name))
    text = host.read(fragment).text if fragment else ""
    drop_ins = _drop_ins(host, name)
    file = parse_unit_file([text, *(host.read(path).text for path in drop_ins)])
    active, processes, problem = _activity(host, name, file)
    return UnitState(
        name=name,
        fragment=fragment,
        mask=mask,
        links=_links(host, ETC_UNITS, name),
        runtime_links=_links(host, RUN_UNITS, name),
        install=_install(parse_unit_file([text]), name),
        also=tuple(parse_unit_file([text]).words("Install", "Also")),
        is_linked=fragment.startswith((ETC_UNITS, RUN_UNITS)) and bool(host.link(fragment)),
        active=active,
        processes=processes,
        drop_ins=drop_ins,
        problem=problem,
    )


def busy_units(host: "Host") -> tuple[str, ...]:
    """Units that something in /etc starts at boot, that have a control group of their own, and all for swap."""
    found: set[str] = set()
    for entry in host.names(ETC_UNITS):
        found |= set(host.names(f"{ETC_UNITS}/{entry}")) if entry.endswith(_ENABLING) else set()
    for root in _CGROUP_ROOTS:
        found |= {name for name in host.names(f"{root}/system.slice") if name.endswith(".service")}
    for directory in LOAD_PATH:
        found |= {name for name in host.names(directory) if name.endswith(".swap")}
    return tuple(sorted(name for name in found if "@." not in name))


def _own_name(host: "Host", name: str) -> str:
    """Follow aliases: links in the load path to a unit file of another name."""
    for _ in range(_ALIAS_LIMIT):
        target = next((link for path in LOAD_PATH if (link := host.link(f"{path}/{name}"))), "")
        other = target.rpartition("/")[2]
        if not other or other in (name, "null") or other == _template(name):
            break
        name = other
    return name


def _template(name: str) -> str:
    """`ssh@.service` for `ssh@one.service`; "" for what is no instance."""
    prefix, at, rest = name.partition("@")
    instance, _, ending = rest.rpartition(".")
    return f"{prefix}@.{ending}" if at and instance else ""


def _places(host: "Host", name: str) -> tuple[str, str]:
    """The mask, if the first file of the name is one, and the first real file."""
    mask = ""
    for candidate in filter(None, (name, _template(name))):
        for directory in LOAD_PATH:
            path = f"{directory}/{candidate}"
            if host.stat(path).kind == "absent":
                continue
            if not _is_mask(host, path):
                return mask, path
            if candidate == name:
                mask = mask or path
    return mask, ""


def _is_mask(host: "Host", path: str) -> bool:
    target = host.link(path)
    if target and posixpath.normpath(posixpath.join(posixpath.dirname(path), target)) == "/dev/null":
        return True
    reading = host.read(path)
    return reading.ok and not reading.text


def _links(host: "Host", directory: str, name: str) -> tuple[str, ...]:
    """What enables a unit below a directory: links in NAME.wants and the like, and aliases."""
    found = []
    for entry in host.names(directory):
        if entry.endswith(_ENABLING):
            found += [f"{entry}/{name}"] if host.link(f"{directory}/{entry}/{name}") else []
        elif entry != name and host.link(f"{directory}/{entry}").rpartition("/")[2] == name:
            found.append(entry)
    return tuple(sorted(found))


def _install(file: UnitFile, name: str) -> tuple[str, ...]:
    """The links that `systemctl enable` would make, as in `links`."""
    keys = (("WantedBy", ".wants"), ("RequiredBy", ".requires"), ("UpheldBy", ".upholds"))
    wanted = [f"{by}{ending}/{name}" for key, ending in keys for by in file.words("Install", key)]
    aliases = [alias for alias in file.words("Install", "Alias") if alias != name]
    return tuple(sorted({*wanted, *aliases}))


def _drop_ins(host: "Host", name: str) -> tuple[str, ...]:
    """In the order of their names; of one name the most specific directory wins, then the first of the load path."""
    chosen: dict[str, str] = {}
    for part in _drop_in_directories(name):
        for directory in LOAD_PATH:
            for entry in host.names(f"{directory}/{part}"):
                if entry.endswith(".conf"):
                    chosen.setdefault(entry, f"{directory}/{part}/{entry}")
    return tuple(path for _, path in sorted(chosen.items()) if not _is_mask(host, path))


def _drop_in_directories(name: str) -> Iterator[str]:
    """`a-b.service.d`, `a-.service.d`, `service.d`, and the template's for an instance."""
    stem, _, ending = name.rpartition(".")
    yield f"{name}.d"
    if template := _template(name):
        yield f"{template}.d"
    prefix = stem.partition("@")[0]
    at = prefix.rfind("-")
    while at > 0:
        yield f"{prefix[: at + 1]}.{ending}.d"
        at = prefix.rfind("-", 0, at)
    yield f"{ending}.d"


def _activity(host: "Host", name: str, file: UnitFile) -> tuple[bool | None, tuple[int, ...], str]:
    """Does it run, its processes, and why that is not known."""
    if name.endswith(_WITHOUT_PROCESSES):
        return _asked(host, name)
    group, version = _control_group(host, name, file)
    if f"invocation:{name}" in host.names(INVOCATIONS):
        return True, _processes(host, group), ""
    if not version and not host.names(INVOCATIONS):
        return None, (), "there is no control group of systemd here"
    populated = "populated 1" in host.read(f"{group}/cgroup.events").text or bool(_processes(host, group))
    return populated, _processes(host, group), ""


def _control_group(host: "Host", name: str, file: UnitFile) -> tuple[str, bool]:
    """Its directory, and whether systemd keeps groups below that root at all."""
    place = f"{_slice_path(file.last('Service', 'Slice') or _default_slice(name))}/{name}"
    for root in _CGROUP_ROOTS:
        # PID 1 itself is in init.scope; system.slice is there once any service has run.
        if any(host.stat(f"{root}/{name}").kind == "directory" for name in ("system.slice", "init.scope")):
            return f"{root}/{place}", True
    return f"{_CGROUP_ROOTS[0]}/{place}", False


def _default_slice(name: str) -> str:
    if not _template(name):
        return "system.slice"
    prefix = name.partition("@")[0].replace("-", "\\x2d")
    return f"system-{prefix}.slice"


def _slice_path(name: str) -> str:
    """`a-b.slice` lies in `a.slice`."""
    if name == "-.slice":
        return "."
    parts = name.removesuffix(".slice").split("-")
    return "/".join(f"{'-'.join(parts[: count + 1])}.slice" for count in range(len(parts)))


def _processes(host: "Host", group: str) -> tuple[int, ...]:
    return tuple(int(word) for word in host.read(f"{group}/cgroup.procs").text.split() if word.isdecimal())


def _asked(host: "Host", name: str) -> tuple[bool | None, tuple[int, ...], str]:
    """PID 1's word for a unit that has no processes of its own."""
    if not (host.is_live and systemd_runs(host)):
        return None, (), f"only PID 1 knows whether {name} is active, and it can't be asked here"
    from nodeagent.host.process import run
    from nodeagent.model.command import Command

    argv = ("systemctl", "show", "--property=ActiveState", "--value", "--", name)
    completed = run(Command(argv=argv, timeout_seconds=_ASK_SECONDS))
    state = completed.stdout.decode("utf-8", "replace").strip()
    if not completed.ok or not state:
        return None, (), f"systemctl show {name} gave no answer"
    return state in ("active", "reloading", "activating"), (), ""
