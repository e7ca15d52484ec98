"""Tell systemd how it goes (sd_notify(3)): one datagram to the socket it named; nothing where no systemd asked."""

import os
import socket


def notify(message: str) -> None:
    """Send `READY=1`, `STOPPING=1`, ...; OSError where systemd named a socket that takes nothing."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        sender.sendto(message.encode(), "\0" + address[1:] if address.startswith("@") else address)
