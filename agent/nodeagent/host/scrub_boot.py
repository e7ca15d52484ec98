"""What a capture keeps of GRUB's files: where parameters of the kernel stand, and nothing else.

A menu can hold hashes of passwords and the names of every system on the drives, /etc/default/grub anything at all. Line
numbers stay, since findings name them; parameters go through the same rule as those of the running kernel.
"""

import re
from collections.abc import Callable

Words = Callable[[str], str]

_KEPT = re.compile(r"### (BEGIN|END) /etc/grub\.d/\w+ ###")
_ENTRY = re.compile(r"\s*menuentry\s")
_RECOVERY = re.compile(r"-recovery-|\(recovery mode\)")
_LINUX = re.compile(r"(\s*linux(?:16|efi)?)\s+\S+(.*)")
_ASSIGNMENT = re.compile(r"""(\s*(?:export\s+)?GRUB_CMDLINE_LINUX(?:_DEFAULT)?\+?=)(["']?)(.*?)\2\s*(?:#.*)?""")


def menu(text: str, words: Words) -> str:
    """grub.cfg: its marks, that there is an entry and of which kind, and what it hands to the kernel."""
    return "".join(f"{_menu_line(line, words)}\n" for line in text.splitlines())


def defaults(text: str, words: Words) -> str:
    """/etc/default/grub and its drop-ins: the two variables."""
    return "".join(f"{_default_line(line, words)}\n" for line in text.splitlines())


def maker(text: str) -> str:
    """grub-mkconfig: whether it reads drop-ins."""
    return "# reads default/grub.d\n" if "default/grub.d" in text else "#\n"


def _menu_line(line: str, words: Words) -> str:
    if _KEPT.fullmatch(line):
        return line
    if _ENTRY.match(line):
        return f"menuentry '{'entry (recovery mode)' if _RECOVERY.search(line) else 'entry'}' {{"
    if found := _LINUX.fullmatch(line):
        return f"{found[1]} /vmlinuz {words(found[2])}"
    return ""


def _default_line(line: str, words: Words) -> str:
    found = _ASSIGNMENT.fullmatch(line)
    if found is None:
        return ""
    shown = [word if word.startswith("$") else words(word) for word in found[3].split()]
    return f'{found[1]}"{" ".join(shown)}"'
