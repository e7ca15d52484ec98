"""The only door to the machine. Everything that opens a file of the host, a socket or a process lives below."""

from nodeagent.host.host import Host

__all__ = ["Host"]
