"""The pipes of a child: both outputs read as they come, the input written as it is taken, nothing ever blocking.

Reading one pipe to its end before the other is how wrappers hang: a child that fills the second waits for us while we
wait for it. Here one selector watches all of them, and what is kept of each output has a limit.
"""

import os
import selectors
from typing import IO

_CHUNK_BYTES = 256 * 1024


class Pipes:
    """`stdout` and `stderr` hold what was kept; `overflowed` tells that there was more than `limit_bytes` of one."""

    def __init__(self, *, stdout: IO[bytes], stderr: IO[bytes], stdin: IO[bytes] | None, limit_bytes: int) -> None:
        self.stdout = bytearray()
        self.stderr = bytearray()
        self.overflowed = False
        self._limit_bytes = limit_bytes
        self._input = memoryview(b"")
        self._selector = selectors.DefaultSelector()
        self._open: dict[int, IO[bytes]] = {}
        for stream, kept in ((stdout, self.stdout), (stderr, self.stderr)):
            self._watch(stream, selectors.EVENT_READ, kept)
        if stdin is not None:
            self._watch(stdin, selectors.EVENT_WRITE, None)

    def send(self, data: bytes) -> None:
        """Queue all of the child's input; its end is told once it is written."""
        self._input = memoryview(data)

    def watch_exit(self, pidfd: int) -> None:
        """Wake `pump` when the process behind `pidfd` ends."""
        self._selector.register(pidfd, selectors.EVENT_READ, pidfd)

    @property
    def ended(self) -> bool:
        """Neither output can bring any more."""
        return not self._open

    def pump(self, timeout_seconds: float | None) -> bytes:
        """Move what can be moved, waiting at most so long for the first of it; returns what is new on stdout."""
        new = bytearray()
        for key, _events in self._selector.select(timeout_seconds):
            if isinstance(key.data, int):
                self._selector.unregister(key.data)
            elif key.data is None:
                self._write(key.fd)
            else:
                new += self._read(key.fd, key.data)
        return bytes(new)

    def close(self) -> None:
        for fd in list(self._open):
            self._drop(fd)
        self._selector.close()

    def _watch(self, stream: IO[bytes], event: int, kept: bytearray | None) -> None:
        os.set_blocking(stream.fileno(), False)
        self._selector.register(stream.fileno(), event, kept)
        self._open[stream.fileno()] = stream

    def _read(self, fd: int, kept: bytearray) -> bytes:
        try:
            data = os.read(fd, _CHUNK_BYTES)
        except BlockingIOError:
            return b""
        if not data:
            self._drop(fd)
            return b""
        room = self._limit_bytes - len(kept)
        self.overflowed |= len(data) > room
        kept += data[:room]
        return data[:room] if kept is self.stdout else b""

    def _write(self, fd: int) -> None:
        try:
            written = os.write(fd, self._input[:_CHUNK_BYTES])
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._drop(fd)  # The child does not want the rest; what that means, its exit code says.
            return
        self._input = self._input[written:]
        if not self._input:
            self._drop(fd)

    def _drop(self, fd: int) -> None:
        self._selector.unregister(fd)
        self._open.pop(fd).close()
