"""All facts of a machine in one pass. A part that can't be read is empty or None, and stands among the problems."""

from nodeagent.host.block import read_block_devices
from nodeagent.host.cpu import read_cpus
from nodeagent.host.host import Host
from nodeagent.host.inspection import Inspection
from nodeagent.host.kernel import read_kernel
from nodeagent.host.memory import read_memory
from nodeagent.host.nic import read_nics
from nodeagent.host.numa import read_numa_nodes
from nodeagent.host.pci import read_pci_devices
from nodeagent.host.platform import read_platform
from nodeagent.model.facts import HostFacts


def read_facts(host: Host) -> HostFacts:
    look = Inspection(host=host)
    return HostFacts(
        cpus=read_cpus(look),
        numa_nodes=read_numa_nodes(look),
        block_devices=read_block_devices(look),
        nics=read_nics(look),
        pci_devices=read_pci_devices(look),
        memory=read_memory(look),
        kernel=read_kernel(look),
        platform=read_platform(look),
        problems=tuple(dict.fromkeys(look.problems)),
    )
