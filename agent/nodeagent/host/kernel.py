"""The running kernel: release, command line, lockdown, page size.

Sources: admin-guide/sysctl/kernel.rst; security/lockdown/lockdown.c prints `[none] integrity confidentiality`.
"""

from nodeagent.host.inspection import Inspection
from nodeagent.model.kernel import Kernel
from nodeagent.model.knob_form import KnobForm


def read_kernel(look: Inspection) -> Kernel:
    return Kernel(
        release=look.text("/proc/sys/kernel/osrelease", required=True) or "",
        version=look.text("/proc/sys/kernel/version") or "",
        command_line=look.text("/proc/cmdline", required=True) or "",
        lockdown=KnobForm.SELECTED.parse(look.text("/sys/kernel/security/lockdown") or ""),
        page_bytes=look.host.page_bytes(),
    )
