"""One place that the kernel swaps to, as /proc/swaps and the header of the area tell it.

Sources: proc_swaps(5), swapon(8); include/linux/swap.h (union swap_header) for UUID and label.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SwapArea:
    """`path` is the device or file as the kernel names it; `uuid` and `label` are "" where the header can't be read.

    A negative priority was chosen by the kernel, which counts down; others were asked for.
    """

    path: str
    is_file: bool
    size_bytes: int
    used_bytes: int
    priority: int
    uuid: str = ""
    label: str = ""
