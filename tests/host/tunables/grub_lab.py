"""GRUB's files of a machine of their own: /boot and /etc/default of a private mount namespace, and a grub-mkconfig.

    python -m tests.host.tunables.grub_lab VERB STATE_DIRECTORY      apply | rollback | recover, on the live Host

The program does what the real one does with what is tested: it sources the same files in the same order, writes
NAME.new, copies it over NAME and removes it, and can be told to fail, to hang or to lose the parameters.
"""

import sys
from pathlib import Path

from nodeagent.host import Host
from nodeagent.model.change import Risk
from nodeagent.model.setting import Setting
from nodeagent.tune.apply import apply, tidy_up
from nodeagent.tune.apply_result import Order
from nodeagent.tune.kernel.boot_settings import KernelCommandLineSettings
from nodeagent.tune.plan import make_plan
from nodeagent.tune.recover import recover
from nodeagent.tune.rollback import rollback
from nodeagent.tune.session import Session, open_session
from nodeagent.tune.tunables.kernel_command_line import KERNEL_COMMAND_LINE
from tests.unit.tune.toys import profile_of

TOKENS = "iommu=pt nosmt"

PROGRAM = r"""#!/bin/sh
# sources ${sysconfdir}/default/grub and ${sysconfdir}/default/grub.d/*.cfg
set -e
out=$2
. /etc/default/grub
for file in /etc/default/grub.d/*.cfg; do [ ! -e "$file" ] || . "$file"; done
[ ! -e /etc/default/fail ] || { echo "no such device" >&2; exit 1; }
[ ! -e /etc/default/lose ] || GRUB_CMDLINE_LINUX_DEFAULT=quiet
umask 077
{
    echo '### BEGIN /etc/grub.d/10_linux ###'
    echo "menuentry 'Debian' \$menuentry_id_option 'gnulinux-simple-1' {"
    echo "	linux	/boot/vmlinuz-6.1 root=UUID=1 ro $GRUB_CMDLINE_LINUX $GRUB_CMDLINE_LINUX_DEFAULT"
    echo '}'
    echo "menuentry 'Debian (recovery mode)' \$menuentry_id_option 'gnulinux-6.1-recovery-1' {"
    echo "	linux	/boot/vmlinuz-6.1 root=UUID=1 ro single $GRUB_CMDLINE_LINUX"
    echo '}'
    echo '### END /etc/grub.d/10_linux ###'
} >"$out.new"
[ ! -e /etc/default/hang ] || { echo $$ >/etc/default/hanging; sleep 60; }
cat "$out.new" >"$out"
rm -f "$out.new"
"""


def main(verb: str, state: Path) -> int:
    host = Host()
    with open_session(host, state, command=verb) as session:
        match verb:
            case "apply":
                return _apply(session, host)
            case "rollback":
                return rollback(session).exit_code
            case _:
                return 0 if recover(session).steps else 1


def _apply(session: Session, host: Host) -> int:
    tidy_up(session)
    words = {name: Setting(value=value) for name, _, value in (word.partition("=") for word in TOKENS.split())}
    profile = profile_of()
    profile.tune["kernel-command-line"] = KernelCommandLineSettings(parameters=words)
    facts = host.facts()
    plan = make_plan(host, profile, facts, (KERNEL_COMMAND_LINE,))
    order = Order(
        plan=plan,
        profile=profile,
        tunables=(KERNEL_COMMAND_LINE,),
        read_facts=lambda: facts,
        allow=(Risk.REBOOT,),
    )
    result = apply(session, order)
    sys.stdout.write(f"{result.outcome} {result.problem}\n")
    return result.exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
