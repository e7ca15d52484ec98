"""Every tunable, in the order they run: what makes objects comes before what sets them.

To add one: its file here, its line below, its cases in tests/plans/<name>/, its page in docs/tunables/.
"""

from nodeagent.tune.tunable import AnyTunable
from nodeagent.tune.tunables.block_queue import BLOCK_QUEUE
from nodeagent.tune.tunables.clocksource import CLOCKSOURCE
from nodeagent.tune.tunables.conflicting_services import CONFLICTING_SERVICES
from nodeagent.tune.tunables.cpu_governor import CPU_GOVERNOR
from nodeagent.tune.tunables.cpu_idle import CPU_IDLE
from nodeagent.tune.tunables.cpu_isolation import CPU_ISOLATION
from nodeagent.tune.tunables.filesystem import FILESYSTEM
from nodeagent.tune.tunables.firewall import FIREWALL
from nodeagent.tune.tunables.hugepages import HUGEPAGES
from nodeagent.tune.tunables.irq_affinity import IRQ_AFFINITY
from nodeagent.tune.tunables.kernel_command_line import KERNEL_COMMAND_LINE
from nodeagent.tune.tunables.limits import LIMITS
from nodeagent.tune.tunables.nic_coalescing import NIC_COALESCING
from nodeagent.tune.tunables.nic_mtu import NIC_MTU
from nodeagent.tune.tunables.nic_offloads import NIC_OFFLOADS
from nodeagent.tune.tunables.nic_queues import NIC_QUEUES
from nodeagent.tune.tunables.nic_rings import NIC_RINGS
from nodeagent.tune.tunables.nvme import NVME
from nodeagent.tune.tunables.rps_xps import RPS_XPS
from nodeagent.tune.tunables.smt import SMT
from nodeagent.tune.tunables.sriov import SRIOV
from nodeagent.tune.tunables.swap import SWAP
from nodeagent.tune.tunables.sysctl import SYSCTL
from nodeagent.tune.tunables.time_sync import TIME_SYNC
from nodeagent.tune.tunables.transparent_hugepages import TRANSPARENT_HUGEPAGES

# Switching second threads decides which CPUs there are, so it comes before all that speaks of CPUs.
# Who would reset what is set here goes first.
# Making VFs resets their port and with it much of what is set there, so it comes before all that speaks of ports.
# VFs and queues come with interrupts of their own, so where those fire is said after both.
# A change of queues may reset rings, coalescing and offloads, so the number of queues comes before them.
# Pools of huge pages need memory in one piece, so they come before those that may use it up.
# mkfs may find that a drive can't discard or write zeroes; the kernel then commits new limits, which resets read-ahead,
# so a queue is set after its drive got its filesystem.
# Switching huge pages recomputes vm.min_free_kbytes, so sysctl has the last word on it.
# The firewall can cut the connection that a person watches from, so it comes when all else is done.
TUNABLES: tuple[AnyTunable, ...] = (
    SMT,
    CPU_GOVERNOR,
    CPU_IDLE,
    CLOCKSOURCE,
    KERNEL_COMMAND_LINE,
    CONFLICTING_SERVICES,
    TIME_SYNC,
    LIMITS,
    SWAP,
    HUGEPAGES,
    SRIOV,
    NIC_QUEUES,
    NIC_RINGS,
    NIC_COALESCING,
    NIC_OFFLOADS,
    NIC_MTU,
    IRQ_AFFINITY,
    RPS_XPS,
    CPU_ISOLATION,
    NVME,
    FILESYSTEM,
    BLOCK_QUEUE,
    TRANSPARENT_HUGEPAGES,
    SYSCTL,
    FIREWALL,
)
