"""Where documents are found: by a path, or by a name in a list of directories.

A name is letters, digits and `-` and nothing else, so that no text from a document or a caller becomes a path.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from nodeagent.model.errors import ProfileError
from nodeagent.profiles.name import NAME_PATTERN

SYSTEM_DIRECTORY = Path("/etc/nodeagent/profiles")
"""Where a machine keeps documents of its own; they stand before the shipped ones."""


def shipped_directory() -> Path:
    """The documents that come with the program."""
    return Path(__file__).parent / "shipped"


def default_search() -> tuple[Path, ...]:
    return (SYSTEM_DIRECTORY, shipped_directory())


def is_name(text: str) -> bool:
    return re.fullmatch(NAME_PATTERN, text) is not None


def is_path(reference: str | Path) -> bool:
    """A Path, or a text that can't be meant as a name."""
    return isinstance(reference, Path) or "/" in reference or reference.endswith((".yaml", ".yml"))


def names(search: Sequence[Path]) -> dict[str, Path]:
    """Every document by name, the first directory that holds it winning."""
    found: dict[str, Path] = {}
    for directory in search:
        for path in _documents(directory):
            found.setdefault(path.stem, path)
    return dict(sorted(found.items()))


def _documents(directory: Path) -> Iterator[Path]:
    try:
        paths = sorted(directory.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return  # a directory of the search list need not exist
    except OSError as error:
        raise _closed(directory, error) from error
    yield from (path for path in paths if path.suffix == ".yaml" and is_name(path.stem))


def find(reference: str | Path, search: Sequence[Path], *, what: str) -> Path:
    """The file that a path or a name means; ProfileError where there is none. `what` is "profile" or "stage"."""
    if is_path(reference):
        return Path(reference)
    text = str(reference)
    found = candidate(text, search) if is_name(text) else None
    if found is None:
        raise _not_found(text, search, what)
    return found


def _not_found(text: str, search: Sequence[Path], what: str) -> ProfileError:
    from nodeagent.profiles.problems import nearest, shown

    if not is_name(text):
        return ProfileError(
            f"{shown(text)} is no name of a {what}: wanted small letters, digits and '-', or a path with a '/'",
            remedy=f"nodeagent profile list shows the {what}s there are",
        )
    known = names(search)
    near = nearest(text, known)
    looked = ", ".join(map(str, search)) or "no directory"
    return ProfileError(
        f"there is no {what} {text!r} in {looked}" + (f"; did you mean {near!r}?" if near else ""),
        remedy="nodeagent profile list" if what == "profile" else f"use one of: {', '.join(known) or 'none'}",
    )


def candidate(name: str, search: Sequence[Path], *, but_not: Path | None = None) -> Path | None:
    """The first file of that name; `but_not` lets a file extend another one of its own name."""
    for directory in search:
        path = directory / f"{name}.yaml"
        try:
            if path != but_not and path.is_file():
                return path
        except OSError as error:
            raise _closed(directory, error) from error
    return None


def _closed(directory: Path, error: OSError) -> ProfileError:
    """Passing over a directory that can't be read would quietly take a document that it stands before."""
    return ProfileError(f"cannot look into {directory}: {error.strerror}", remedy="run it as root, or name a file")
