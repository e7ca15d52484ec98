"""A tunable that is known by its name until somebody asks it for more.

A command that looks at two tunables need not import the other twenty: their types are most of what it would import,
and `tune verify` is run by timers and by people who wait.
"""

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from nodeagent.tune.tunable import AnyTunable

_PACKAGE = "nodeagent.tune.tunables"


class LazyTunable:
    """Stands for the object of its file: `nic-mtu` is NIC_MTU in nic_mtu.py."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        return getattr(self.load(), attribute)

    def load(self) -> "AnyTunable":
        word = self.name.replace("-", "_")
        found: AnyTunable = getattr(import_module(f"{_PACKAGE}.{word}"), word.upper())
        return found

    def __repr__(self) -> str:
        return f"<tunable {self.name}>"


def in_order(*names: str) -> "tuple[AnyTunable, ...]":
    """The tunables of these names."""
    return tuple(cast("AnyTunable", LazyTunable(name)) for name in names)


def loaded(tunable: "AnyTunable") -> "AnyTunable":
    """The tunable itself, for those who ask what it is and not what it says."""
    return tunable.load() if isinstance(tunable, LazyTunable) else tunable


class SettingsTypes(Mapping[str, Any]):
    """The Settings of each tunable by its name; the loader of profiles asks for those that a profile sets."""

    def __init__(self, tunables: "Sequence[AnyTunable]") -> None:
        self._tunables = {tunable.name: tunable for tunable in tunables}

    def __getitem__(self, name: str) -> Any:
        return self._tunables[name].Settings

    def __iter__(self) -> Iterator[str]:
        return iter(self._tunables)

    def __len__(self) -> int:
        return len(self._tunables)
