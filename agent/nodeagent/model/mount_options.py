"""Mount options compared by meaning: what a profile names against what mountinfo shows.

The kernel shows options in its own words: it adds some (`relatime`, `seclabel`), leaves defaults out (`commit=5` of
ext4) and completes values (`compress=zstd:3`). So only what is *named* is compared, and its opposites: `noatime` asks
which rule for access times is in force, not whether the text stands in a list. An option that is neither shown nor
contradicted counts as in force, since a filesystem need not show it.
Sources: mount(8), ext4(5), xfs(5), btrfs(5), proc_pid_mountinfo(5), fs/proc_namespace.c for what is always shown.
"""

import re
from collections.abc import Iterable

_FORM = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:=/@+-]{0,200}")

_USERLAND = re.compile(r"defaults|auto|noauto|user|nouser|users|owner|group|nofail|_netdev|comment=.*|x-systemd\..*")
"""For fstab and systemd; the kernel never hears of them."""

_REFUSED = re.compile(
    r"bind|rbind|move|remount|loop(=.*)?|offset=.*|sizelimit=.*|u?helper=.*|[xX]-.*|(make-)?r?(shared|private|slave)"
    r"|(make-)?r?unbindable|verity\..*"
)
"""Options that make mount(8) do something else than mount, or run something."""

_GROUPS = (
    ("rw", "ro"),
    ("strictatime", "relatime", "noatime"),
    ("diratime", "nodiratime"),
    ("dev", "nodev"),
    ("suid", "nosuid"),
    ("exec", "noexec"),
    ("symfollow", "nosymfollow"),
    ("async", "sync"),
    ("nodirsync", "dirsync"),
    ("nolazytime", "lazytime"),
    ("nodiscard", "discard", "discard=sync", "discard=async"),
    ("barrier", "nobarrier"),
)
"""Words that answer one question; the first is in force where none is shown."""

_ALIASES = {"atime": "relatime", "norelatime": "strictatime", "nostrictatime": "relatime", "barrier=0": "nobarrier"}
_ALIASES |= {"barrier=1": "barrier", "loud": "", "silent": ""}

_DEFAULTS = {
    ("ext4", "commit"): "5",
    ("ext4", "data"): "ordered",
    ("ext4", "errors"): "continue",
    ("btrfs", "commit"): "30",
    ("btrfs", "compress"): "no",
}
"""Values in force where the kernel shows none."""

_OF_THE_MOUNT = frozenset(word for group in _GROUPS[:10] for word in group)
_REMOUNTABLE = {
    "ext4": re.compile(r"(no)?discard|(no)?barrier|commit=.*|errors=.*"),
    "btrfs": re.compile(r"(no)?discard(=.*)?|commit=.*|compress(-force)?=.*|thread_pool=.*"),
}


def option_problem(option: str) -> str:
    """Why this can't be an option of a profile; "" where it can."""
    if not _FORM.fullmatch(option):
        return "wanted one option of mount(8), without commas, quotes and blanks"
    if _REFUSED.fullmatch(option) and not _USERLAND.fullmatch(option):
        return "wanted an option of the filesystem; this one makes mount(8) do something else"
    return ""


def kernel_options(options: Iterable[str]) -> frozenset[str]:
    """The options that the kernel gets, aliases replaced."""
    given = (_ALIASES.get(option, option) for option in options if not _USERLAND.fullmatch(option))
    return frozenset(option for option in given if option)


def in_force(named: Iterable[str], shown: frozenset[str], *, fstype: str) -> frozenset[str]:
    """For each named option what is in force instead or indeed, seen from the options that mountinfo shows.

    Equal to `kernel_options(named)` where everything is as wanted; else the difference, both ways, is the drift. What
    is in force without a name for it (a value whose default is not known) is left out.
    """
    return frozenset(found for option in kernel_options(named) if (found := _answer(option, shown, fstype)))


def same_question(one: str, other: str) -> bool:
    """Do two options answer the same question (`noatime` and `relatime`, `commit=5` and `commit=30`)?"""
    if any(one in group and other in group for group in _GROUPS):
        return True
    return one.partition("=")[0].removeprefix("no") == other.partition("=")[0].removeprefix("no")


def can_remount(option: str, *, fstype: str) -> bool:
    """Can the running mount be brought to this option, without an unmount?"""
    if option in _OF_THE_MOUNT:
        return True
    pattern = _REMOUNTABLE.get(fstype)
    return pattern is not None and pattern.fullmatch(option) is not None


def _answer(option: str, shown: frozenset[str], fstype: str) -> str:
    group = next((group for group in _GROUPS if option in group), None)
    if group is not None:
        return next((word for word in group[1:] if word in shown), group[0])
    key, has_value, value = option.partition("=")
    if has_value:
        return _value_in_force(key, value, shown, fstype)
    opposite = key[2:] if key.startswith("no") else f"no{key}"
    return opposite if opposite in shown and option not in shown else option


def _value_in_force(key: str, wanted: str, shown: frozenset[str], fstype: str) -> str:
    values = [text.partition("=")[2] for text in shown if text.startswith(f"{key}=")]
    if not values:
        default = _DEFAULTS.get((fstype, key))
        return f"{key}={default}" if default is not None else ""
    value = values[0]
    # `compress=zstd` means any level of it; subvolumes are shown from the root of the filesystem.
    if value.startswith(f"{wanted}:") or (key == "subvol" and value.lstrip("/") == wanted.lstrip("/")):
        value = wanted
    return f"{key}={value}"
