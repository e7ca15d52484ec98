"""The systemd unit that applies the last confirmed profile at boot, and its place before the validator.

When: after the network is up, because only then can anybody tell whether a change cut it, and because what networkd or
ifupdown set later would stand over ours; after systemd-sysctl, for the same reason; before the validator and before
multi-user.target. A network that never comes up only costs the time that network-online.target waits. If it fails the
validator starts all the same, untuned and told: `Before=` orders and does not require.

Sandbox: whatever needs a mount namespace (ProtectSystem=, PrivateTmp=, ProtectHome=, ...) is left out, since mounts
made inside of one never reach the machine, and so is what narrows /dev (ProtectClock=), since drives are told by what
is written on them; both systemd.exec(5). The rest is closed. CAP_NET_ADMIN is for links and VFs, CAP_SYS_ADMIN for
mounts and some sysctls, CAP_CHOWN and CAP_FOWNER for owners and modes, CAP_DAC_OVERRIDE for files that even root may
only read, CAP_NET_RAW for ping, CAP_KILL to end a guard, CAP_SYS_NICE for affinities."""

import sys
from pathlib import Path

from nodeagent.host import Host
from nodeagent.host.changes import replacement
from nodeagent.host.process import run
from nodeagent.model.command import Command
from nodeagent.model.errors import HostError, RefusedError

UNIT = "nodeagent-apply.service"
PATH = f"/etc/systemd/system/{UNIT}"
_OURS = "# Written by `nodeagent tune boot --enable`; `--disable` removes it."
_SECONDS = 60.0

_TEXT = """\
{ours}
[Unit]
Description=Apply the last confirmed nodeagent profile
RequiresMountsFor=/var/lib/nodeagent
Wants=network-online.target
After=local-fs.target systemd-modules-load.service systemd-sysctl.service network-online.target
Before={before}
ConditionPathExists=/var/lib/nodeagent/journal.db

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart={program} tune boot
# 2: applied, and something that a boot does not mend still differs; `tune boot --status` says what.
SuccessExitStatus=2
TimeoutStartSec=15min
TimeoutStopSec=3min
KillMode=mixed
RuntimeDirectory=nodeagent
RuntimeDirectoryMode=0755
RuntimeDirectoryPreserve=yes
UMask=0077
OOMScoreAdjust=-500
NoNewPrivileges=yes
CapabilityBoundingSet={capabilities}
AmbientCapabilities=
RestrictAddressFamilies=AF_UNIX AF_NETLINK AF_INET AF_INET6 AF_PACKET
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
ProtectHostname=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service @mount @swap
SystemCallFilter=~@clock
SystemCallErrorNumber=EPERM
KeyringMode=private
LimitCORE=0

[Install]
WantedBy=multi-user.target
"""
_CAPABILITIES = (
    *("CAP_NET_ADMIN", "CAP_SYS_ADMIN", "CAP_CHOWN", "CAP_FOWNER", "CAP_DAC_OVERRIDE"),
    *("CAP_NET_RAW", "CAP_KILL", "CAP_SYS_NICE"),
)


def unit_text(*, program: str, validators: tuple[str, ...] = ()) -> str:
    """The whole unit file; it comes before `validators`."""
    before = " ".join(dict.fromkeys([*validators, "multi-user.target"]))
    return _TEXT.format(ours=_OURS, program=program, before=before, capabilities=" ".join(_CAPABILITIES))


def own_program() -> str:
    """The command that systemd is to start: the one that runs now."""
    started = Path(sys.argv[0]).resolve()
    if started.name == "nodeagent" and started.is_file():
        return str(started)
    return f"{sys.executable} -P -c 'import sys; from nodeagent.cli.main import main; sys.exit(main())'"


def enable(host: Host, *, program: str, validators: tuple[str, ...]) -> None:
    """Put the unit in place and let it start at boot; RefusedError where a file of somebody else is in its place."""
    _check_ours(host)
    text = unit_text(program=program, validators=validators)
    replacement.replace(host, PATH, text.encode(), mode=0o644)
    if host.is_live:
        _systemctl("daemon-reload")
        _systemctl("enable", UNIT)


def disable(host: Host) -> bool:
    """Take it away; False where there was none. RefusedError as `enable`."""
    _check_ours(host)
    if not host.read(PATH).ok:
        return False
    if host.is_live:
        _systemctl("disable", UNIT)
    replacement.remove(host, PATH)
    if host.is_live:
        _systemctl("daemon-reload")
    return True


def installed(host: Host) -> str:
    """The unit file as it is in place, "" where there is none."""
    return host.read(PATH).text


def _check_ours(host: Host) -> None:
    found = host.read(PATH)
    if host.stat(PATH).kind != "absent" and not found.text.startswith(_OURS):
        raise RefusedError(
            f"{PATH} is there and was not written by nodeagent",
            remedy=f"look at it (systemctl cat {UNIT}) and remove it if it is not meant",
        )


def _systemctl(*arguments: str) -> None:
    completed = run(Command(argv=("systemctl", *arguments), timeout_seconds=_SECONDS))
    if not completed.ok:
        said = completed.stderr.decode("utf-8", "replace").strip()[-300:] or f"exit code {completed.exit_code}"
        raise HostError(f"systemctl {' '.join(arguments)}: {said}", remedy=f"systemctl status {UNIT}")
