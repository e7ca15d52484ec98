"""The index of an unpacked capture: what no ordinary directory can hold.

A file that answers EACCES even to root, a file whose content was left out, a device node, the page size of the kernel,
what netlink said of a port and nft of a table: it stands beside the tree, and a Host on that tree honours it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TREE_INDEX = ".nodeagent-tree.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeIndex:
    """`unreadable` maps real paths to the errno a read gives, `kinds` to what stands for a device.

    `ports` maps a PCI address to what netlink told: {"max_mtu": 9216, "vfs": {"0": fields of VfAttributes}}.
    `firewall` maps `inet nodeagent` to fields of FirewallTable, {} for no such table, or {"problem": why}.
    `nvme` maps a block device to what its NVMe drive told: fields of NvmeDrive (host/nvme.py, `noted`).
    """

    unreadable: Mapping[str, str] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)
    page_bytes: int = 4096
    ports: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    firewall: Mapping[str, dict[str, str]] = field(default_factory=dict)
    nvme: Mapping[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def read(cls, root: Path) -> "TreeIndex":
        """The index below `root`; an empty one where there is none, or none that makes sense."""
        try:
            document = json.loads((root / TREE_INDEX).read_text())
        except (OSError, ValueError, RecursionError):
            return cls()
        if not isinstance(document, dict):
            return cls()
        noted = document.get("page_bytes")
        ports = document.get("ports")
        firewall = document.get("firewall")
        nvme = document.get("nvme")
        return cls(
            unreadable=_texts(document.get("unreadable")),
            kinds=_texts(document.get("kinds")),
            page_bytes=noted if isinstance(noted, int) else 4096,
            ports=ports if isinstance(ports, dict) else {},
            nvme=nvme if isinstance(nvme, dict) else {},
            firewall=_tables(firewall),
        )

    def write(self, root: Path) -> None:
        document = {"page_bytes": self.page_bytes, "unreadable": self.unreadable, "kinds": self.kinds}
        (root / TREE_INDEX).write_text(json.dumps(document, indent=1, sort_keys=True) + "\n")


def _tables(value: object) -> dict[str, dict[str, str]]:
    return {str(name): _texts(noted) for name, noted in value.items()} if isinstance(value, dict) else {}


def _texts(value: object) -> dict[str, str]:
    return {str(path): str(text) for path, text in value.items()} if isinstance(value, dict) else {}
