"""Real machines made of QEMU: what a server of the fleet has (nodes, drives, an SR-IOV NIC), scaled down.

A guest has a real kernel, real sysfs, real NVMe and SR-IOV drivers and a real systemd, so what an agent does to it is
what it will do to a server; only speed is not real, as everything runs without KVM too (TCG).

`template.py` says what a machine is made of, `command_line.py` turns it into QEMU's words, `image.py` builds the disk
they boot from, `network.py` the isolated network they share, `guest.py` starts and ends one, `monitor.py` pulls its
cables (QMP), `shell.py` types into it (ssh), `lab.py` keeps several and cleans up, also after a SIGKILL.
"""
