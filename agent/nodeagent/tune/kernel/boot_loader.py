"""Which program gives this machine's kernel its command line, and who else says something about it.

GRUB as Debian and Ubuntu have it reads /etc/default/grub and then every /etc/default/grub.d/*.cfg in the order of their
names, all as shell, and a later assignment stands over an earlier one: Ubuntu's cloud images set
GRUB_CMDLINE_LINUX_DEFAULT anew in 50-cloudimg-settings.cfg. Our file is called 90-nodeagent.cfg to come after such
files, and only appends. It is GRUB_CMDLINE_LINUX_DEFAULT that it appends to, not GRUB_CMDLINE_LINUX: recovery entries
leave the former out, so that a machine whose huge pages or isolated CPUs were chosen badly can be started and mended.

Upstream's grub-mkconfig knows no grub.d; whether this one does is read in it. Other loaders (systemd-boot, the BLS
entries of Fedora's GRUB) are told, with what to edit there.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nodeagent.model.boot_menu import parameter_name
from nodeagent.model.host_reader import HostReader
from nodeagent.model.reading import Reading

MAIN_FILE = "/etc/default/grub"
DIRECTORY = "/etc/default/grub.d"
DROP_IN = f"{DIRECTORY}/90-nodeagent.cfg"
MENU = "/boot/grub/grub.cfg"
RUNNING = "/proc/cmdline"

_MAKERS = ("/usr/local/sbin/grub-mkconfig", "/usr/sbin/grub-mkconfig", "/usr/bin/grub-mkconfig", "/sbin/grub-mkconfig")
_SYSTEMD_BOOT = ("/boot/loader/loader.conf", "/efi/loader/loader.conf", "/boot/efi/loader/loader.conf")
_ASSIGNMENT = re.compile(r"""\s*(?:export\s+)?(GRUB_CMDLINE_LINUX(?:_DEFAULT)?)(\+?=)(["']?)(.*?)\3\s*(?:#.*)?$""")
_VARIABLE = re.compile(r"\$\{?(GRUB_CMDLINE_LINUX(?:_DEFAULT)?)\}?")

HEAD = """\
# Written by nodeagent for its tunable kernel-command-line; a change made here is lost.
# To undo: nodeagent tune rollback --tunable kernel-command-line
# Without it: remove this file, then update-grub.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A parameter in another file: `token` as written, and where."""

    token: str
    file: str
    line: int

    @property
    def name(self) -> str:
        return parameter_name(self.token)

    def __str__(self) -> str:
        return f"{self.token} ({self.file}:{self.line})"


@dataclass(frozen=True, slots=True, kw_only=True)
class BootState:
    """What was seen. `obstacle` says why nothing can be set here, with `remedy`; the rest is empty then.

    `drop_in` is None where there is none; `said` is what other files say, in their order; `overriders` are files after
    ours that drop what stood before.
    """

    running: Reading
    menu: Reading
    drop_in: str | None = None
    has_directory: bool = False
    said: tuple[Said, ...] = ()
    overriders: tuple[str, ...] = ()
    obstacle: str = ""
    remedy: str = ""

    @property
    def own(self) -> tuple[str, ...]:
        """What our drop-in says."""
        return drop_in_tokens(self.drop_in)


def read_boot(host: HostReader) -> BootState:
    running, menu = host.read(RUNNING), host.read(MENU)
    obstacle, remedy = _obstacle(host, menu)
    if obstacle:
        return BootState(running=running, menu=menu, obstacle=obstacle, remedy=remedy)
    drop_in = host.read(DROP_IN)
    said, overriders = _others(host)
    return BootState(
        running=running,
        menu=menu,
        drop_in=drop_in.text if drop_in.ok else None,
        has_directory=host.stat(DIRECTORY).kind == "directory",
        said=said,
        overriders=overriders,
    )


def drop_in_text(tokens: Sequence[str]) -> str | None:
    """The whole file that appends these; None where there is nothing to append."""
    if not tokens:
        return None
    return f'{HEAD}GRUB_CMDLINE_LINUX_DEFAULT="$GRUB_CMDLINE_LINUX_DEFAULT {" ".join(tokens)}"\n'


def drop_in_tokens(text: str | None) -> tuple[str, ...]:
    """What a drop-in appends."""
    return tuple(said.token for said in _said(text or "", DROP_IN))


def _obstacle(host: HostReader, menu: Reading) -> tuple[str, str]:
    """Why nothing can be set here, and what to do about it; empty where GRUB can be told."""
    maker = next((found for path in _MAKERS if (found := host.read(path)).ok), None)
    if maker is not None and host.stat(MENU).kind != "absent":
        if "default/grub.d" in maker.text:
            return "", ""
        return "GRUB here reads no /etc/default/grub.d", f"set GRUB_CMDLINE_LINUX_DEFAULT in {MAIN_FILE} yourself"
    if host.names("/boot/loader/entries") and host.stat("/boot/grub2").kind == "directory":
        return "GRUB here keeps its entries in /boot/loader/entries", "grubby --update-kernel=ALL --args='...'"
    if marker := next((path for path in _SYSTEMD_BOOT if host.stat(path).kind == "file"), ""):
        return f"systemd-boot starts this machine ({marker})", (
            "append them to /etc/kernel/cmdline, then: kernel-install add $(uname -r) /boot/vmlinuz-$(uname -r)"
        )
    return f"there is no GRUB here ({MENU}, grub-mkconfig)", (
        "set them where this machine's kernel gets its command line: the boot loader, the hypervisor, the provider"
    )


def _others(host: HostReader) -> tuple[tuple[Said, ...], tuple[str, ...]]:
    """What files other than ours leave in the two variables, and those after ours that drop what stood before."""
    values: dict[str, list[Said]] = {"GRUB_CMDLINE_LINUX": [], "GRUB_CMDLINE_LINUX_DEFAULT": []}
    overriders: list[str] = []
    names = [name for name in host.names(DIRECTORY) if name.endswith(".cfg")]
    for path in (MAIN_FILE, *(f"{DIRECTORY}/{name}" for name in sorted(names))):
        if path == DROP_IN:
            continue
        for number, variable, keeps, tokens in _assignments(host.read(path).text):
            if not keeps:
                values[variable].clear()
                if path > DROP_IN and variable == "GRUB_CMDLINE_LINUX_DEFAULT":
                    overriders.append(f"{path}:{number}")
            values[variable] += [Said(token=token, file=path, line=number) for token in tokens]
    return tuple(said for variable in values.values() for said in variable), tuple(overriders)


def _assignments(text: str) -> Iterator[tuple[int, str, bool, list[str]]]:
    """Line number, variable, whether its old value is kept, and the words that are added."""
    for number, line in enumerate(text.splitlines(), start=1):
        if found := _ASSIGNMENT.match(line):
            variable, sign, _, value = found.groups()
            keeps = sign == "+=" or variable in _VARIABLE.findall(value)
            yield number, variable, keeps, [word for word in value.split() if not word.startswith("$")]


def _said(text: str, path: str) -> Iterator[Said]:
    for number, _, _, tokens in _assignments(text):
        yield from (Said(token=token, file=path, line=number) for token in tokens)
