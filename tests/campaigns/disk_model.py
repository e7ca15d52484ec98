"""What a file system may hold after a power cut, told from the system calls that were made before it.

POSIX promises little: what was written is safe after fsync(2) or fdatasync(2) of the file, a name after fsync(2) of its
directory, and rename(2) is one step. Everything else is pending: each pending write may have arrived, or not, or in
part, whatever became of the others; each pending name may be there or not. close(2) and time promise nothing, so they
do nothing here (a simulator that synced on close hid bugs for years: RocksDB #12528).

Sources: the crash model of ALICE (Pillai et al., OSDI 2014), fsync(2), rename(2).
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from tests.campaigns.calls import Call

CALLS = (
    *("openat", "close", "write", "pwrite64", "ftruncate", "fallocate", "fsync", "fdatasync"),
    *("rename", "unlink", "mkdir", "rmdir", "fchmod"),
)

Tree = dict[str, tuple[int, bytes | None]]
"""Path below the top -> mode and content; None is a directory."""


class Damage(StrEnum):
    """What may have become of a pending operation."""

    KEPT = "kept"
    LOST = "lost"
    HALF = "torn at half"
    ZEROS = "zeroed"
    GARBAGE = "garbage"


_PARTLY = (Damage.HALF, Damage.ZEROS, Damage.GARBAGE)


@dataclass(frozen=True, slots=True)
class Operation:
    """A pending operation on one inode: `kind` is write, size, mode, or for a directory name, gone, move."""

    number: int
    inode: int
    kind: str
    at: int = 0
    data: bytes = b""
    names: tuple[str, ...] = ()
    target: int = 0


@dataclass(slots=True)
class Inode:
    """What is surely on disk; `names` only of a directory."""

    is_directory: bool
    mode: int = 0
    content: bytearray = field(default_factory=bytearray)
    names: dict[str, int] = field(default_factory=dict)

    def copy(self) -> "Inode":
        return Inode(self.is_directory, self.mode, bytearray(self.content), dict(self.names))

    def take(self, operation: Operation, damage: Damage = Damage.KEPT) -> None:
        match operation.kind:
            case "write":
                self._write(operation.at, _damaged(operation, damage))
            case "size":
                self.content[operation.at :] = b"\0" * max(0, operation.at - len(self.content))
            case "mode":
                self.mode = operation.at
            case "name":
                self.names[operation.names[0]] = operation.target
            case "gone":
                self.names.pop(operation.names[0], None)
            case "move":
                self.names.pop(operation.names[0], None)
                self.names[operation.names[1]] = operation.target
            case kind:
                raise ValueError(kind)

    def _write(self, at: int, data: bytes) -> None:
        if at > len(self.content):
            self.content.extend(b"\0" * (at - len(self.content)))
        self.content[at : at + len(data)] = data


def _damaged(operation: Operation, damage: Damage) -> bytes:
    data = operation.data
    match damage:
        case Damage.HALF:
            return data[: len(data) // 2]
        case Damage.ZEROS:
            return b"\0" * len(data)
        case Damage.GARBAGE:
            return random.Random(operation.number).randbytes(len(data))
        case _:
            return data


@dataclass(frozen=True, slots=True)
class Choice:
    """What became of the pending operations, by number; `otherwise` of those not named; `how` says it in words."""

    how: str
    damage: dict[int, Damage] = field(default_factory=dict)
    otherwise: Damage = Damage.KEPT

    def of(self, operation: Operation) -> Damage:
        return self.damage.get(operation.number, self.otherwise)


@dataclass(slots=True)
class _Open:
    inode: int
    offset: int = 0


class Disk:
    """A tree below `top`: what is safe, and the operations that are pending, oldest first."""

    def __init__(self, top: Path, *, careless: Callable[[Path], bool]) -> None:
        """Everything that is there now is safe. `careless` tells files and directories whose content does not count."""
        self.top = top
        self._is_careless = careless
        self._careless: set[int] = set()
        self._syncs = 0
        self.inodes: list[Inode] = []
        self.pending: list[Operation] = []
        self._cached: list[Inode] = []
        self._open: dict[int, _Open] = {}
        self._count = 0
        self._load(top)
        self._cached = [inode.copy() for inode in self.inodes]

    def _load(self, path: Path) -> int:
        number = len(self.inodes)
        if self._is_careless(path):
            self._careless.add(number)
        inode = Inode(is_directory=path.is_dir(), mode=path.stat().st_mode & 0o7777)
        self.inodes.append(inode)
        if inode.is_directory:
            inode.names = {child.name: self._load(child) for child in path.iterdir()}
        else:
            inode.content = bytearray(path.read_bytes())
        return number

    def new_process(self) -> None:
        self._open.clear()

    def make(self, call: Call) -> bool:
        """Take one call into account; says whether it may have changed what a power cut leaves."""
        if call.result < 0:
            return False
        before = (self._count, self._syncs)
        match call.name:
            case "openat":
                self._openat(call)
            case "close":
                self._open.pop(call.descriptor, None)
            case "rename":
                self._rename(*(Path(name.decode()) for name in call.strings))
            case "unlink" | "rmdir":
                self._unlink(Path(call.path))
            case "mkdir" if Path(call.path).is_relative_to(self.top):
                self._create(Path(call.path), is_directory=True, mode=call.numbers[-1])
            case _:
                self._by_descriptor(call)
        return before != (self._count, self._syncs)

    def _openat(self, call: Call) -> None:
        path = Path(call.path)
        if not path.is_relative_to(self.top):
            return
        inode = self._find(path)
        if inode is None:
            inode = self._create(path, is_directory=False, mode=call.numbers[-1] if call.numbers else 0o600)
        self._open[call.result] = _Open(inode)
        if "O_TRUNC" in call.arguments:
            self._pend(inode, "size")

    def _by_descriptor(self, call: Call) -> None:
        opened = self._open.get(call.descriptor)
        if opened is None:
            return
        inode, numbers = opened.inode, call.numbers
        match call.name:
            case "write":
                self._pend(inode, "write", at=opened.offset, data=call.strings[0][: call.result])
                opened.offset += call.result
            case "pwrite64":
                self._pend(inode, "write", at=numbers[-1], data=call.strings[0][: call.result])
            case "ftruncate":
                self._pend(inode, "size", at=numbers[1])
            case "fallocate":
                self._pend(inode, "size", at=max(len(self._cached[inode].content), numbers[-2] + numbers[-1]))
            case "fchmod":
                self._pend(inode, "mode", at=numbers[1])
            case "fsync" | "fdatasync":
                self._sync(inode)
            case name:
                raise ValueError(name)

    def _sync(self, inode: int) -> None:
        for operation in self.pending:
            if operation.inode == inode:
                self.inodes[inode].take(operation)
        self.pending = [operation for operation in self.pending if operation.inode != inode]
        self._syncs += 1

    def _create(self, path: Path, *, is_directory: bool, mode: int) -> int:
        parent = self._find(path.parent)
        assert parent is not None, f"{path} was made in an unknown directory"
        made = Inode(is_directory=is_directory, mode=mode)
        self.inodes.append(made)
        self._cached.append(made.copy())
        number = len(self.inodes) - 1
        if self._is_careless(path):
            self._careless.add(number)
        self._pend(parent, "name", names=(path.name,), target=number)
        return number

    def _unlink(self, path: Path) -> None:
        parent = self._find(path.parent)
        if parent is not None:
            self._pend(parent, "gone", names=(path.name,))

    def _rename(self, old: Path, new: Path) -> None:
        parent, inode = self._find(old.parent), self._find(old)
        if parent is None or inode is None:
            return
        assert old.parent == new.parent, f"{old} moved to another directory"
        self._pend(parent, "move", names=(old.name, new.name), target=inode)

    def _pend(
        self, inode: int, kind: str, *, at: int = 0, data: bytes = b"", names: tuple[str, ...] = (), target: int = 0
    ) -> None:
        self._count += 1
        operation = Operation(self._count, inode, kind, at, data, names, target)
        self._cached[inode].take(operation)
        self.pending.append(operation)

    def _find(self, path: Path) -> int | None:
        """By what the running system sees."""
        if not path.is_relative_to(self.top):
            return None
        number = 0
        for part in path.relative_to(self.top).parts:
            found = self._cached[number].names.get(part)
            if found is None:
                return None
            number = found
        return number

    def tree(self, choice: Choice) -> Tree:
        """What a power cut leaves when the pending operations fared so."""
        touched = {operation.inode for operation in self.pending}
        inodes = [node.copy() if at in touched else node for at, node in enumerate(self.inodes)]
        for operation in self.pending:
            fate = choice.of(operation)
            if fate is not Damage.LOST:
                inodes[operation.inode].take(operation, fate)
        return dict(_walk(inodes, 0, ""))

    def signature(self, choice: Choice) -> int:
        """Two choices with the same one give the same tree."""
        fates = ((operation.number, choice.of(operation)) for operation in self.pending)
        return hash((self._syncs, *(fate for fate in fates if fate[1] is not Damage.LOST)))

    def choices(self, chance: random.Random, *, mixtures: int = 2) -> Iterator[Choice]:
        """What may have become of the pending operations, were the power cut now.

        Those on a file whose content nobody trusts after a start (`careless`) are not gone through one by one.
        """
        yield Choice("nothing pending arrived", otherwise=Damage.LOST)
        yield Choice("everything pending arrived", otherwise=Damage.KEPT)
        watched = [operation for operation in self.pending if operation.inode not in self._careless]
        for operation in watched:
            number, what = operation.number, f"{operation.kind} {operation.names or operation.at}"
            yield Choice(f"only {what} arrived", {number: Damage.KEPT}, Damage.LOST)
            yield Choice(f"only {what} was lost", {number: Damage.LOST}, Damage.KEPT)
            if operation.kind == "write":
                for damage in _PARTLY:
                    yield Choice(f"{what} was {damage}", {number: damage}, Damage.KEPT)
        names = {op.number: Damage.KEPT for op in self.pending if self.inodes[op.inode].is_directory}
        yield Choice("names without contents", names, Damage.LOST)
        yield Choice("contents without names", dict.fromkeys(names, Damage.LOST), Damage.KEPT)
        for number in range(mixtures if len(watched) > 2 else 0):
            yield Choice(f"mixture {number}", {op.number: chance.choice(list(Damage)) for op in watched}, Damage.KEPT)


def _walk(inodes: list[Inode], number: int, path: str) -> Iterator[tuple[str, tuple[int, bytes | None]]]:
    for name, child in sorted(inodes[number].names.items()):
        inode, below = inodes[child], f"{path}/{name}" if path else name
        yield below, (inode.mode, None if inode.is_directory else bytes(inode.content))
        yield from _walk(inodes, child, below)


def make_tree(top: Path, tree: Tree) -> None:
    """Put a tree below an existing, empty directory."""
    for path, (mode, content) in tree.items():
        place = top / path
        if content is None:
            place.mkdir()
        else:
            place.write_bytes(content)
        place.chmod(mode)


def read_tree(top: Path) -> Tree:
    """The tree below a directory, as it is."""
    return {
        str(path.relative_to(top)): (path.stat().st_mode & 0o7777, None if path.is_dir() else path.read_bytes())
        for path in sorted(top.rglob("*"))
    }
