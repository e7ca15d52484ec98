"""The certificate for api.cherryservers.com, from an authority of the cloud's own.

Clients trust it by SSL_CERT_FILE. It is made once for a directory, so that a shell's exports outlive a restart; its key
is thrown away, so that nothing else can ever be signed with it.
"""

import os
import ssl
from dataclasses import dataclass
from pathlib import Path

from nodeagent.host.state_directory import write_own_file

API_HOST = "api.cherryservers.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """`authority` is what clients trust, `server` is certificate and key in one file (mode 0600)."""

    authority: Path
    server: Path

    def context(self) -> ssl.SSLContext:
        """For the side that serves."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.server)
        return context


def ensure_certificates(directory: Path) -> Certificates:
    """Those of a directory, made where there are none. OSError."""
    certificates = Certificates(authority=directory / "ca.pem", server=directory / "server.pem")
    if not (certificates.authority.exists() and certificates.server.exists()):
        _make(certificates)
    return certificates


def _make(certificates: Certificates) -> None:
    import trustme  # a tool of the tests and of a checkout; nothing else here needs it

    authority = trustme.CA(organization_name="cherrylab", organization_unit_name=os.fspath(certificates.authority))
    leaf = authority.issue_cert(API_HOST)
    write_own_file(certificates.server, leaf.private_key_and_cert_chain_pem.bytes())
    write_own_file(certificates.authority, authority.cert_pem.bytes(), mode=0o644)
