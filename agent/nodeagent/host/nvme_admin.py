"""Commands to an NVMe controller through its own node: what nvme-cli sends, without a program that must be there.

Only four are known here: Identify, Get Log Page and Get Features, which read, and Set Features. The ioctl answers with
an errno where the kernel refuses, and with the drive's status where the drive does; both are an OSError to the caller.
Sources: include/uapi/linux/nvme_ioctl.h (72 bytes since 2011), NVM Express Base Specification 2.0, 5 and figure 95.
"""

import ctypes
import errno
import fcntl
import os
import stat
import struct
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

_ADMIN_COMMAND = 0xC0484E41
_FORM = struct.Struct("=BBHIIIQQIIIIIIIIII")
_RESULT_OFFSET = 68
_TIMEOUT_MILLISECONDS = 5000
_ALL_NAMESPACES = 0xFFFFFFFF
_GET_LOG, _IDENTIFY, _SET_FEATURES, _GET_FEATURES = 0x02, 0x06, 0x09, 0x0A

_STATUS = {0x01: "invalid command", 0x02: "invalid field", 0x0D: "feature not saveable", 0x0E: "feature not changeable"}


@dataclass(slots=True)
class NvmeAdmin:
    """An open controller (`/dev/nvme0`); use it as a context manager. Every method raises OSError where it fails."""

    descriptor: int

    @classmethod
    def open(cls, node: Path) -> Self:
        """OSError where it is no character device, or may not be opened."""
        descriptor = os.open(node, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        if not stat.S_ISCHR(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(errno.ENOTTY, "not the node of a controller", os.fspath(node))
        return cls(descriptor=descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self.descriptor)

    def identify_controller(self) -> bytes:
        """4096 bytes."""
        return self._send(_IDENTIFY, length=4096, cdw10=1)[0]

    def identify_namespace(self, namespace: int) -> bytes:
        """4096 bytes."""
        return self._send(_IDENTIFY, namespace=namespace, length=4096)[0]

    def log(self, page: int) -> bytes:
        """The 512 bytes of a log page: 2 is health, 3 the firmware slots."""
        words = 512 // 4 - 1
        return self._send(_GET_LOG, namespace=_ALL_NAMESPACES, length=512, cdw10=page | words << 16)[0]

    def feature(self, feature: int) -> int:
        """The current value of a feature that is one number."""
        return self._send(_GET_FEATURES, cdw10=feature)[1]

    def set_feature(self, feature: int, value: int) -> None:
        """Until the next reset; it is not saved."""
        self._send(_SET_FEATURES, cdw10=feature, cdw11=value)

    def _send(
        self, opcode: int, *, namespace: int = 0, length: int = 0, cdw10: int = 0, cdw11: int = 0
    ) -> tuple[bytes, int]:
        data = ctypes.create_string_buffer(length or 1)
        address = ctypes.addressof(data) if length else 0
        head = (opcode, 0, 0, namespace, 0, 0, 0, address, 0, length)
        command = bytearray(_FORM.pack(*head, cdw10, cdw11, 0, 0, 0, 0, _TIMEOUT_MILLISECONDS, 0))
        status = fcntl.ioctl(self.descriptor, _ADMIN_COMMAND, command)
        if status:
            code = status & 0xFF if status & 0x700 == 0 else status
            raise OSError(errno.EREMOTEIO, f"the drive answers {_STATUS.get(code, 'no')} (status {status:#x})")
        return bytes(data.raw[:length]), struct.unpack_from("=I", command, _RESULT_OFFSET)[0]
