"""How Go's types of the real plugin change numbers on their way: 32-bit floats, whole gigabytes."""

import struct


def float32(number: float) -> float:
    """What a 32-bit float keeps of it: 0.536 becomes 0.5360000133514404."""
    (kept,) = struct.unpack("f", struct.pack("f", number))
    return float(kept)


def whole(number: float) -> int:
    """Cut to a whole number: a drive of 3.84 TB becomes one of 3."""
    return int(number)
