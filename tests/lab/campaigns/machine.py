"""A small guest with nodeagent in it, the profiles it is tuned with, and what is to be seen of it from outside.

What is remembered and compared comes from the guest's own tools (stat, findmnt, ip, cat), never from nodeagent.
"""

import json
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from difflib import unified_diff
from typing import Any

from cherrylab.guests.guest import Guest
from cherrylab.guests.lab import Lab
from cherrylab.guests.template import SMALL, HardwareTemplate
from nodeagent.model.command import Completed
from tests.lab.agent import install

BOOT_SECONDS = 600.0
AGENT_SECONDS = 600.0

ACCOUNTS_UUID = "5c1f7d0e-8f3b-4a51-9d5e-aaaaaaaaaaaa"

EVERYTHING = f"""\
schema: 1
summary: settings that end with the boot, and some that do not
tune:
  sysctl:
    vm.max_map_count: "999999"
    net.core.rmem_max: "7654321"
    net.core.wmem_max: "6543210"
  transparent-hugepages:
    enabled: never
  hugepages:
    - {{name: pool, size: 2MiB, pages: 4}}
  nic-mtu:
    - {{name: data, nic: {{driver: igb, count: 1}}, mtu: 1500}}
  filesystem:
    - name: accounts
      mount_point: /srv/deep/accounts
      device: {{serial: ACCT01}}
      type: ext4
      label: accounts
      uuid: {ACCOUNTS_UUID}
      options: [noatime]
      mode: "0751"
  irq-affinity:
    default: "0"
    keep_irqbalance_away: true
    devices:
      - {{name: data, nic: {{driver: igb, count: 1}}, cpus: "1"}}
  block-queue:
    - {{name: accounts, devices: {{serial: ACCT01, count: 1}}, read_ahead_kb: 64}}
"""
MOUNTED_AT_BOOT = EVERYTHING.replace('      mode: "0751"', '      mode: "0751"\n      persist: unit')

_SETTINGS = """
for file in /proc/sys/vm/max_map_count /proc/sys/net/core/rmem_max /proc/sys/net/core/wmem_max \\
    /sys/kernel/mm/transparent_hugepage/enabled /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages \\
    /sys/class/net/data0/mtu /sys/class/net/data0/device/sriov_numvfs /proc/irq/default_smp_affinity; do
  echo "$file $(cat $file)"
done
for queue in /sys/block/nvme*n1/queue; do
  echo "$(cat ${queue%/queue}/device/serial) $(cat $queue/scheduler) $(cat $queue/read_ahead_kb)"
done | sort
findmnt -rno TARGET,FSTYPE,OPTIONS -t ext4,btrfs,xfs
exit 0
"""
_PERSISTENT = f"""
set -e
find /srv /mnt -printf '%p %y %m %U %G\\n' | sort
find /etc -type d -printf '%p/\n' -o -type l -printf '%p -> %l\n' -o -type f -exec sha256sum {{}} + | sort -k 2
accounts=$(findmnt -rno TARGET -S UUID={ACCOUNTS_UUID} || true)
if [ -z "$accounts" ]; then
  accounts=/run/look
  mkdir -p $accounts
  mount -o ro,noload UUID={ACCOUNTS_UUID} $accounts
fi
stat -c '%a %U %G' $accounts
sha256sum < $accounts/precious
[ $accounts != /run/look ] || umount $accounts
"""
_SETTLE = f"""
set -e
udevadm settle
drive=$(grep -l ACCT01 /sys/class/nvme/nvme*/serial | cut -d/ -f5)
mkfs.ext4 -q -L accounts -U {ACCOUNTS_UUID} /dev/${{drive}}n1
mkdir /run/look
mount /dev/${{drive}}n1 /run/look
chmod 700 /run/look
head -c 100000 /dev/urandom > /run/look/precious
umount /run/look
sync
"""


@dataclass(slots=True, kw_only=True)
class Tally:
    """What a campaign tried and found. `figures` are printed in their order."""

    name: str
    figures: dict[str, int | float] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def count(self, what: str, number: int = 1) -> None:
        self.figures[what] = self.figures.get(what, 0) + number

    def longest(self, what: str, seconds: float) -> None:
        self.figures[what] = round(max(self.figures.get(what, 0.0), seconds), 1)

    def check(self, holds: bool, fault: str) -> bool:
        if not holds:
            self.faults.append(fault)
        return holds

    def total(self) -> str:
        figures = ", ".join(f"{number} {what}" for what, number in self.figures.items())
        return f"{self.name}: {figures}, {len(self.faults)} faults"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What one call of nodeagent answered: exit code, its JSON document, its stderr."""

    exit_code: int
    document: dict[str, Any]
    stderr: str

    def fates(self) -> list[str]:
        """What became of each key of a rollback."""
        return [step["fate"] for step in (*self.document.get("recovered", ()), *self.document.get("steps", ()))]

    def __str__(self) -> str:
        steps = [(step["key"], step["fate"], step["detail"]) for step in self.document.get("steps", ())]
        return f"exit {self.exit_code} {steps} {self.stderr.strip()[-400:]}"


@dataclass(slots=True, kw_only=True)
class Machine:
    """The guest of a campaign."""

    guest: Guest

    def write(self, name: str, text: str) -> str:
        """Put a profile into the guest; its path there."""
        path = f"/root/{name}.yaml"
        self.guest.shell.check(f"cat > {path} << 'END'\n{text}END")
        return path

    def agent(self, *words: str, seconds: float = AGENT_SECONDS) -> Said:
        """Run nodeagent with JSON output; a traceback anywhere is an error of the campaign's subject."""
        completed = self.guest.shell.run(f"nodeagent {shlex.join(words)} --output json", timeout_seconds=seconds)
        return _understood(completed)

    def start_agent(self, *words: str, log: str = "/root/told") -> None:
        """Start nodeagent in the background of the guest; `finished` waits for it."""
        self.guest.shell.check(
            f"""
            rm -f {log} {log}.code
            {{
            setsid sh -c '{shlex.join(("nodeagent", *words))} > {log} 2>&1; echo $? > {log}.code' &
            }} < /dev/null > /dev/null 2>&1
            """
        )

    def wait_for_steps(self, steps: int, *, log: str = "/root/told") -> None:
        """Wait until what `start_agent` started has told so many steps, or has ended."""
        script = f"""
        for look in $(seq 6000); do
          [ "$(grep -c '^\\[' {log})" -ge {steps} ] && exit 0
          [ -s {log}.code ] && exit 0
          sleep 0.05
        done
        exit 1
        """
        self.guest.shell.check(script, timeout_seconds=AGENT_SECONDS)

    def finished(self, *, seconds: float = AGENT_SECONDS, log: str = "/root/told") -> tuple[int, str]:
        """Wait for what `start_agent` started; its exit code and all it said."""
        looks = round(seconds * 5)
        self.guest.shell.check(
            f"for look in $(seq {looks}); do [ -s {log}.code ] && exit 0; sleep 0.2; done; exit 1",
            timeout_seconds=seconds + 60,
        )
        code, _, said = self.guest.shell.check(f"cat {log}.code {log}").partition("\n")
        return int(code), said

    def settings(self) -> str:
        """What a boot resets."""
        return self.guest.shell.check(_SETTINGS)

    def persistent(self) -> str:
        """What a boot does not reset."""
        return self.guest.shell.check(_PERSISTENT)

    def switch_on_again(self) -> None:
        self.guest.power_on()
        self.guest.wait(timeout_seconds=BOOT_SECONDS)
        self.guest.shell.check(
            "udevadm settle; systemctl is-system-running --wait || true", timeout_seconds=BOOT_SECONDS
        )

    def forget(self) -> None:
        """Remove the state directory: what came before is no part of what comes next."""
        self.guest.shell.check("rm -rf /var/lib/nodeagent")


def _understood(completed: Completed) -> Said:
    stderr = completed.stderr.decode(errors="replace")
    if "Traceback" in stderr or "internal error" in stderr:
        raise AssertionError(stderr)
    text = completed.stdout.decode(errors="replace")
    return Said(exit_code=completed.exit_code, document=json.loads(text) if text.strip() else {}, stderr=stderr)


@contextmanager
def settled(lab: Lab, template: HardwareTemplate = SMALL) -> Iterator[Machine]:
    """A guest that was booted, got nodeagent and a filesystem with something precious in it; removed at the end."""
    guest = lab.add(template)
    try:
        guest.wait(timeout_seconds=BOOT_SECONDS)
        install(guest)
        guest.shell.check(_SETTLE, timeout_seconds=120)
        yield Machine(guest=guest)
    finally:
        lab.discard(guest)


def difference(before: str, after: str) -> str:
    """The lines that are not in both; "" where nothing differs."""
    return "\n".join(unified_diff(before.splitlines(), after.splitlines(), "before", "after", n=0, lineterm=""))


Progress = Callable[[str], None]
