"""A result written to a file that a person named: all of it or none of it.

The text goes to a neighbour of the file first and takes its place by rename(2), so that nobody ever reads half a report
and an old one stays whole when the disk is full.
"""

import errno
import os
from pathlib import Path
from tempfile import NamedTemporaryFile

from nodeagent.model.errors import HostError


def write_output(path: Path, text: str) -> None:
    """Make or replace a file, readable as the umask says; HostError, with the old file untouched, where it can't be."""
    directory = path.parent
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        with NamedTemporaryFile(dir=directory, prefix=f".{path.name}.", delete=False) as file:
            temporary = Path(file.name)
            try:
                _fill(file.fileno(), text)
                temporary.replace(path)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise HostError(
            f"cannot write {path}: {error.strerror}", remedy="name a file in a directory that exists and may be written"
        ) from error


def _fill(descriptor: int, text: str) -> None:
    mask = os.umask(0)
    os.umask(mask)
    os.fchmod(descriptor, 0o666 & ~mask)
    data = memoryview(text.encode("utf-8"))
    while data:
        data = data[os.write(descriptor, data) :]
    os.fsync(descriptor)
