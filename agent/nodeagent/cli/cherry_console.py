"""`cherry console` and `cherry reset-bmc-password`: the one place where a password may be seen, and by whom.

It is shown once on a terminal, or written to a new file that only its owner reads. A pipe, JSON or a log gets none:
where neither a terminal nor a file is there to take it, the command refuses before anything is opened or changed.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from nodeagent.cherry.console import Console, open_console, reset_password
from nodeagent.cherry.secret import Secret
from nodeagent.cherry.server import find_server
from nodeagent.cli.cherry_session import open_api, scope
from nodeagent.cli.output import Terminal, Tone, print_json
from nodeagent.model.errors import ExitCode, RefusedError


def open_for(
    hostname: str,
    terminal: Terminal,
    *,
    allowed_ip: str,
    file: Path | None,
    projects: tuple[int, ...],
    as_json: bool,
) -> ExitCode:
    _check_taker(file, as_json=as_json)
    with open_api() as api:
        server = find_server(api, hostname, scope(api, projects))
        console = open_console(api, server, allowed_ip=allowed_ip)
    _show(console, terminal, file, as_json=as_json)
    return ExitCode.OK


def reset(
    hostname: str, terminal: Terminal, *, file: Path | None, projects: tuple[int, ...], as_json: bool
) -> ExitCode:
    _check_taker(file, as_json=as_json)
    with open_api() as api:
        console = reset_password(api, find_server(api, hostname, scope(api, projects)))
    _show(console, terminal, file, as_json=as_json)
    return ExitCode.OK


def _check_taker(file: Path | None, *, as_json: bool) -> None:
    if file is not None and (file.exists() or file.is_symlink()):
        raise RefusedError(f"{file} exists; a password is written to a new file only", remedy="name another file")
    if file is not None and not os.access(file.parent, os.W_OK):
        raise RefusedError(f"{file.parent} can't be written to", remedy="name a file in a directory of yours")
    if file is None and (as_json or not sys.stdout.isatty()):
        raise RefusedError(
            "the password is shown on a terminal only, and this is none", remedy="give --password-file FILE"
        )


def _show(console: Console, terminal: Terminal, file: Path | None, *, as_json: bool) -> None:
    if file is not None:
        _write(file, console.password)
    if as_json:
        print_json(
            {
                "hostname": console.hostname,
                "server_id": console.server_id,
                "ip": console.ip,
                "user": console.user,
                "allowed_ip": console.allowed_ip,
                "expires": console.expires,
                "password_file": file,
            },
            kind="cherry-console",
        )
    else:
        click.echo("\n".join(_lines(console, terminal, file)))


def _write(file: Path, password: Secret) -> None:
    """A file of our own, readable by its owner from the first moment on; ipmitool reads its first line."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
        opened.write(f"{password.reveal()}\n")


def _lines(console: Console, terminal: Terminal, file: Path | None) -> Iterator[str]:
    told = f", open for {console.allowed_ip} until {console.expires}" if console.allowed_ip else ", not open"
    yield f"{terminal.style(console.hostname, Tone.STRONG)}  BMC {console.ip}{told}"
    yield f"  user      {console.user}"
    if file is None:
        yield f"  password  {console.password.reveal()}"
        yield terminal.style(
            "  It isn't shown again. ipmitool reads it from a file: give --password-file next time.", Tone.FAINT
        )
    else:
        yield f"  password  in {file}"
    source = file or "FILE"
    yield f"next: ipmitool -I lanplus -H {console.ip} -U {console.user} -f {source} chassis status"
