"""Campaigns: the same fault at every place where it can strike, counted.

    python -m tests.campaigns kill-sweep --points 1000
    python -m tests.campaigns injected-errors --points 500

A campaign prints one summary line and ends with 1 when anything was lost; tests/host/campaigns runs a sample of each,
`make campaign` all of it. The subjects are the shipped tunables on the real kernel: sysctls of a network namespace of
its own, queues and filesystems of its own loop devices, mounts in a mount namespace of its own; the two settings that
a kernel has only once (transparent hugepages, the dirty page limits) are put back, also when the campaign fails.
"""
