"""`cherry pace`: stand between Terraform and the API until interrupted."""

import asyncio
import os

import click

from nodeagent.cherry.pace import API_HOST, REQUESTS_PER_SECOND
from nodeagent.cherry.pacing import PacingProxy, Upstream
from nodeagent.model.errors import ExitCode

_VARIABLES = ("HTTPS_PROXY", "https_proxy")


def run(port: int) -> ExitCode:
    upstream = Upstream.parse(next((os.environ[name] for name in _VARIABLES if os.environ.get(name)), ""))
    asyncio.run(PacingProxy(upstream=upstream).serve(port, _tell))
    return ExitCode.OK


def _tell(port: int) -> None:
    click.echo(f"export HTTPS_PROXY=http://127.0.0.1:{port}")
    click.echo(f"at most {REQUESTS_PER_SECOND} requests a second reach {API_HOST}; Ctrl-C ends it", err=True)
