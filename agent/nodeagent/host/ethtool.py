"""What a network driver keeps beyond its link, asked and set by ethtool's ioctls.

pyroute2 speaks most of them. What it lacks is made here: the indirection table that spreads flows over queues, and the
fields that choose an entry of it. Both are fixed structures of the kernel's interface; the `ethtool` of Debian 12 tells
neither as JSON. A driver without a part answers EOPNOTSUPP, which is told and is no failure.

Sources: include/uapi/linux/ethtool.h, net/ethtool/ioctl.c.
"""

import errno
import os
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from nodeagent.model.port_settings import LACKING, Channels, Coalescing, Feature, PortSettings, Rings

HASH_LETTERS = "mvtsdfnr"
"""ethtool's letters for the fields of a flow hash, from bit 1 of the kernel's mask upwards."""

_FLOWS = {"udp4": 0x02, "udp6": 0x06}  # UDP_V4_FLOW, UDP_V6_FLOW
_GET_HASH, _SET_HASH, _GET_RX_RINGS = 0x29, 0x2A, 0x2D  # ETHTOOL_GRXFH, _SRXFH, _GRXRINGS
_GET_TABLE, _SET_TABLE = 0x38, 0x39  # ETHTOOL_GRXFHINDIR, _SRXFHINDIR
_SIOCETHTOOL = 0x8946
_RXNFC_BYTES = 256  # struct ethtool_rxnfc has 192
_COALESCING = {
    "adaptive_rx": "use_adaptive_rx_coalesce",
    "adaptive_tx": "use_adaptive_tx_coalesce",
    "rx_usecs": "rx_coalesce_usecs",
    "rx_frames": "rx_max_coalesced_frames",
    "tx_usecs": "tx_coalesce_usecs",
    "tx_frames": "tx_max_coalesced_frames",
}


def read_settings(address: str, interface: str, *, bond: str = "") -> PortSettings:
    """All that the driver of an interface tells. A part that it does not is None, with the reason in `problems`."""
    problems: dict[str, str] = {}
    with _tool(interface) as tool:

        def ask(part: str, question: Callable[[], Any]) -> Any:
            try:
                return question()
            except OSError as error:
                problems[part] = _reason(error)
                return None

        channels, max_channels = ask("channels", lambda: _channels(tool)) or (None, None)
        rings, max_rings = ask("rings", lambda: _rings(tool)) or (None, None)
        table, rx_rings = ask("table", lambda: _table(tool, interface)) or (None, None)
        return PortSettings(
            address=address,
            interface=interface,
            bond=bond,
            channels=channels,
            max_channels=max_channels,
            rings=rings,
            max_rings=max_rings,
            coalescing=ask("coalescing", lambda: _coalescing(tool)),
            features=ask("features", lambda: _features(tool)),
            udp4_hash=ask("udp4_hash", lambda: _hash(tool, interface, "udp4")),
            udp6_hash=ask("udp6_hash", lambda: _hash(tool, interface, "udp6")),
            table=table,
            rx_rings=rx_rings,
            problems=problems,
        )


def set_channels(interface: str, wanted: Channels) -> None:
    """Set the named numbers of queues and leave the others. OSError."""
    with _tool(interface) as tool:
        request = _call(tool.get_channels)
        for name, value in wanted.given().items():
            setattr(request, f"{name}_count", value)
        _call(lambda: tool.set_channels(request))


def set_rings(interface: str, wanted: Rings) -> None:
    """Set the named sizes. The driver may keep another one than asked for. OSError."""
    with _tool(interface) as tool:
        request = _call(tool.get_rings)
        for name, value in wanted.given().items():
            setattr(request, name, value)
        _call(lambda: tool.set_rings(request))


def set_coalescing(interface: str, wanted: Coalescing) -> None:
    """Set the named values and leave the others. OSError."""
    with _tool(interface) as tool:
        request = _call(tool.get_coalesce)
        for name, value in wanted.given().items():
            setattr(request, _COALESCING[name], int(value))
        _call(lambda: tool.set_coalesce(request))


def set_features(interface: str, wanted: Mapping[str, bool]) -> None:
    """Wish flags on or off, all in one call. What became of it has to be read. OSError; KeyError for unknown names."""
    from pyroute2.ethtool.ioctl import NotSupportedError

    with _tool(interface) as tool:
        request = _call(tool.get_features)
        for name, value in wanted.items():
            request[name] = value
        try:
            tool.set_features(request)
        except NotSupportedError as error:
            # Without a name it is no errno but the kernel's word that a wish is kept and not fulfilled yet.
            if error.args:
                raise _not_supported() from error


def set_hash(interface: str, flow: str, letters: str) -> None:
    """Set the fields that choose the queue of a flow (udp4, udp6). OSError."""
    mask = sum(1 << (1 + HASH_LETTERS.index(letter)) for letter in letters)
    with _tool(interface) as tool:
        _rxnfc(tool, interface, _SET_HASH, flow=_FLOWS[flow], data=mask)


def reset_table(interface: str) -> None:
    """Have the kernel spread flows evenly over all receive queues, as `ethtool -X INTERFACE default`. OSError."""
    with _tool(interface) as tool:
        _raw(tool, interface, bytearray(struct.pack("=II", _SET_TABLE, 0)))


def _channels(tool: Any) -> tuple[Channels, Channels]:
    told = _call(tool.get_channels)
    names = ("combined", "rx", "tx", "other")
    now = Channels(**{name: int(getattr(told, f"{name}_count")) for name in names})
    return now, Channels(**{name: int(getattr(told, f"max_{name}")) for name in names})


def _rings(tool: Any) -> tuple[Rings, Rings]:
    told = _call(tool.get_rings)
    return Rings(rx=int(told.rx), tx=int(told.tx)), Rings(rx=int(told.rx_max), tx=int(told.tx_max))


def _coalescing(tool: Any) -> Coalescing:
    told = _call(tool.get_coalesce)
    values: dict[str, Any] = {name: int(getattr(told, theirs)) for name, theirs in _COALESCING.items()}
    return Coalescing(**{name: bool(v) if name.startswith("adaptive") else v for name, v in values.items()})


def _features(tool: Any) -> tuple[Feature, ...]:
    told = _call(tool.get_features)
    return tuple(
        Feature(
            name=name,
            active=told.is_active(name),
            requested=told.is_requested(name),
            fixed=not told.is_available(name) or told.is_never_changed(name),
        )
        for name in sorted(told.keys())
        if name
    )


def _hash(tool: Any, interface: str, flow: str) -> str:
    mask = _rxnfc(tool, interface, _GET_HASH, flow=_FLOWS[flow])
    return "".join(letter for bit, letter in enumerate(HASH_LETTERS, start=1) if mask & 1 << bit)


def _table(tool: Any, interface: str) -> tuple[tuple[int, ...], int]:
    size = struct.unpack_from("=I", _raw(tool, interface, bytearray(struct.pack("=II", _GET_TABLE, 0))), 4)[0]
    request = bytearray(struct.pack("=II", _GET_TABLE, size) + bytes(4 * size))
    entries = struct.unpack_from(f"={size}I", _raw(tool, interface, request), 8)
    return entries, _rxnfc(tool, interface, _GET_RX_RINGS)


def _rxnfc(tool: Any, interface: str, command: int, *, flow: int = 0, data: int = 0) -> int:
    """One call with a struct ethtool_rxnfc; its `data` afterwards."""
    request = bytearray(struct.pack("=IIQ", command, flow, data).ljust(_RXNFC_BYTES, b"\0"))
    answer: int = struct.unpack_from("=Q", _raw(tool, interface, request), 8)[0]
    return answer


def _raw(tool: Any, interface: str, request: bytearray) -> bytearray:
    """One call with a structure of our own, which the kernel fills in."""
    import ctypes
    import fcntl

    place = ctypes.addressof((ctypes.c_char * len(request)).from_buffer(request))
    fcntl.ioctl(tool.sock, _SIOCETHTOOL, struct.pack("16sP16x", interface.encode(), place))
    return request


@contextmanager
def _tool(interface: str) -> Iterator[Any]:
    from pyroute2.ethtool.ioctl import IoctlEthtool

    tool = IoctlEthtool(interface)
    try:
        yield tool
    finally:
        tool.close()


def _call(question: Callable[[], Any]) -> Any:
    """The answer; pyroute2's own errors, which are none of the system's, as OSError."""
    from pyroute2.ethtool.ioctl import NoSuchDevice, NotSupportedError

    try:
        return question()
    except NotSupportedError as error:
        raise _not_supported() from error
    except NoSuchDevice as error:
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV)) from error


def _not_supported() -> OSError:
    return OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))


def _reason(error: OSError) -> str:
    if error.errno == errno.EOPNOTSUPP:
        return LACKING
    return f"{error.strerror} ({errno.errorcode.get(error.errno or 0, error.errno)})"
