"""What GRUB's menu will hand to the kernel, read from the text of grub.cfg; pure.

grub-mkconfig(8) writes the entries of this system's kernels between two marks of /etc/grub.d/10_linux: one simple
entry, then all kernels in a submenu, each with a recovery entry that leaves GRUB_CMDLINE_LINUX_DEFAULT out. What counts
are the entries that boot normally, and they all get the same parameters, so that it doesn't matter which one is the
default."""

import re
from collections.abc import Collection, Iterator

_BEGIN = "### BEGIN /etc/grub.d/10_linux ###"
_END = "### END /etc/grub.d/10_linux ###"
_ENTRY = re.compile(r"\s*menuentry\s")
_RECOVERY = re.compile(r"-recovery-|\(recovery mode\)")
_LINUX = re.compile(r"(\s*linux(?:16|efi)?\s+\S+)((?:\s.*)?)")


def parameter_name(token: str) -> str:
    """`isolcpus` of `isolcpus=2-3`; the kernel takes `-` and `_` in a name for the same (kernel/params.c, parameq)."""
    return token.partition("=")[0].replace("-", "_")


def named(tokens: Collection[str], names: Collection[str]) -> tuple[str, ...]:
    """Those of the tokens that set one of these parameters, in their order."""
    return tuple(token for token in tokens if parameter_name(token) in names)


def normal_entries(menu: str) -> tuple[tuple[str, ...], ...]:
    """The kernel's arguments in each entry that boots normally, in the order of the menu."""
    return tuple(tuple(arguments.split()) for _, _, arguments in _linux_lines(menu))


def carried(menu: str, names: Collection[str]) -> tuple[str, ...] | None:
    """What the entries say about these parameters; None where there are no entries or they don't agree."""
    told = {named(arguments, names) for arguments in normal_entries(menu)}
    return told.pop() if len(told) == 1 else None


def regenerated(menu: str, *, old: Collection[str], new: Collection[str]) -> str:
    """The menu as grub-mkconfig would write it with `new` in the place of `old`: for a tree that has no such
    program.
    """
    lines = menu.splitlines(keepends=True)
    for at, head, arguments in _linux_lines(menu):
        for token in old:
            arguments = re.sub(rf"\s{re.escape(token)}(?=\s|$)", "", arguments, count=1)
        end = "\n" if lines[at].endswith("\n") else ""
        lines[at] = " ".join([head + arguments, *new]) + end
    return "".join(lines)


def _linux_lines(menu: str) -> Iterator[tuple[int, str, str]]:
    """Line number, `linux /boot/vmlinuz-...` and its arguments."""
    lines = menu.splitlines()
    inside = _BEGIN not in lines  # a menu that somebody else writes has no marks, and all of it counts
    recovery = False
    for at, line in enumerate(lines):
        if line in (_BEGIN, _END):
            inside = line == _BEGIN
        elif _ENTRY.match(line):
            recovery = bool(_RECOVERY.search(line))
        elif inside and not recovery and (found := _LINUX.fullmatch(line)):
            yield at, found[1], found[2]
