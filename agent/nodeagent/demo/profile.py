"""The profile that the demo writes for its own machine: `workstation`, narrowed to what belongs to the demo.

Settings of the whole machine are left out and those that end with the demo take their place: the queues of its own
loop devices, the TCP settings of its own network namespace, filesystems on its own drives. So nothing that the demo
changes can be noticed by anybody else. Where it has nothing of its own, `workstation` stays whole,
to be looked at only.
"""

import glob
import json
from pathlib import Path

from nodeagent.demo.ground import Drive, Ground

FILE_NAME = "demo.yaml"

_HEAD = """\
# Written by `nodeagent demo`. A profile for a server looks the same; it names its drives by serial number instead.
schema: 1
name: demo
summary: what `nodeagent demo` sets on drives and namespaces of its own
extends: [workstation]
leave_out: [{left_out}]
"""
_SYSCTL = """\
  sysctl:
    net.ipv4.tcp_slow_start_after_idle:
      value: "0"
      why: a connection that was idle for a moment keeps its window; only inside the demo's own network namespace
      source: https://docs.kernel.org/networking/ip-sysctl.html
    net.ipv4.tcp_mtu_probing:
      value: ">=1"
      why: a path that drops large frames without a word is found out, where a stream would stall
      source: https://docs.kernel.org/networking/ip-sysctl.html
    net.ipv4.tcp_fin_timeout:
      value: "<=30"
      why: closed connections give their ports back sooner
      source: https://docs.kernel.org/networking/ip-sysctl.html
    net.core.somaxconn:
      value: ">=4096"
      why: the kernel's own default; a setting that is as wanted already
      source: https://docs.kernel.org/admin-guide/sysctl/net.html
"""
_QUEUE = """\
    - name: {role}
      devices: {{ backing_file: {image}, count: 1 }}
      scheduler:
        value: none
        why: what lies below the file orders its requests already
        source: https://docs.kernel.org/block/switching-sched.html
      read_ahead_kb:
        value: "<=64"
        why: random reads pay for read-ahead and never use it
        source: https://docs.kernel.org/block/queue-sysfs.html
"""
_FILESYSTEM = """\
    - name: {role}
      mount_point: {directory}
      device: {{ backing_file: {image}, count: 1 }}
      type: {type}
      label: {label}
      options: [noatime]
      make: when-empty
"""


def write_profile(ground: Ground) -> str:
    """The YAML text of the demo's profile."""
    drives = [drive for drive in ground.drives if drive.image]
    left_out = ["benchmarks", "places"]
    if drives or ground.namespace:
        left_out += ["tune.block-queue", "tune.sysctl", "tune.transparent-hugepages"]
    parts = [_HEAD.format(left_out=", ".join(left_out))]
    tune = [
        *([_SYSCTL] if ground.namespace else []),
        *(["  block-queue:\n", *map(_queue, drives)] if drives else []),
        *(["  filesystem:\n", *map(_filesystem, drives)] if drives else []),
    ]
    parts += ["\ntune:\n", *tune] if tune else []
    parts += ["\nplaces:\n", *map(_place, ground.drives), f'  - {{ role: network, peer: "{ground.peer}" }}\n']
    parts += ["\nbenchmarks:\n", *_benchmarks()]
    return "".join(parts)


def _queue(drive: Drive) -> str:
    return _QUEUE.format(role=drive.role, image=_pattern(drive.image))


def _filesystem(drive: Drive) -> str:
    kind = "btrfs" if drive.role == "snapshots" else "ext4"
    return _FILESYSTEM.format(
        role=drive.role,
        directory=_quoted(str(drive.directory)),
        image=_pattern(drive.image),
        type=kind,
        label=f"demo-{drive.role}",
    )


def _place(drive: Drive) -> str:
    return f"  - {{ role: {drive.role}, directory: {_quoted(str(drive.directory))} }}\n"


def _quoted(text: str) -> str:
    """A YAML scalar, whatever is in it: JSON strings are YAML 1.2."""
    return json.dumps(text)


def _pattern(path: Path | None) -> str:
    """The selector of exactly this file, quoted."""
    return _quoted(glob.escape(str(path)))


def _benchmarks() -> list[str]:
    """A short suite: each figure of the production targets once, small enough for a minute."""
    chosen = (
        ("randread-4k", "ledger", "size: 64MiB, "),
        ("randread-4k", "accounts", "size: 64MiB, "),
        ("seq-write", "snapshots", "size: 64MiB, "),
        ("tcp-forward", "network", ""),
        ("tcp-reverse", "network", ""),
    )
    return [
        f"  - {{ benchmark: {name}, place: {place}, options: {{ {size}runtime: 1s }} }}\n"
        for name, place, size in chosen
    ]
