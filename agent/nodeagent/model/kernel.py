"""The kernel that runs, by itself for the same reason as the drives: what its pages are is asked for most."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """The running kernel; `lockdown` is the chosen word of the lockdown file, "" where there is none."""

    release: str
    version: str = ""
    command_line: str = ""
    lockdown: str = ""
    page_bytes: int = 4096
