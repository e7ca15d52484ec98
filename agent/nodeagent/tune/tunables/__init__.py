"""Every tunable, in the order they run: what makes objects comes before what sets them.

To add one: its file here, its name below, its cases in tests/plans/, its page in docs/tunables/.
"""

from nodeagent.tune.lazy_tunable import SettingsTypes, in_order

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
TUNABLES = in_order(
    "smt",
    "cpu-governor",
    "cpu-idle",
    "clocksource",
    "kernel-command-line",
    "conflicting-services",
    "time-sync",
    "limits",
    "swap",
    "hugepages",
    "sriov",
    "nic-queues",
    "nic-rings",
    "nic-coalescing",
    "nic-offloads",
    "nic-mtu",
    "irq-affinity",
    "rps-xps",
    "cpu-isolation",
    "nvme",
    "filesystem",
    "block-queue",
    "transparent-hugepages",
    "sysctl",
    "firewall",
)

SETTINGS_TYPES = SettingsTypes(TUNABLES)
