"""`cherrylab up|down|env|ps|exec`: the cloud, on its own or under Terraform."""

import os
import shlex
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nodeagent.model.errors import HostError, UsageError

if TYPE_CHECKING:
    from cherrylab.drivers.driver import Driver
    from cherrylab.kept_cloud import KeptCloud
    from cherrylab.service import Options

_DRIVERS = ("instant", "qemu")
_PACKAGES = ("starlette", "uvicorn", "trustme")


def _of_directory(command: Callable[..., None]) -> Callable[..., None]:
    """The option that every command about a cloud has."""
    return click.option(
        "--directory",
        type=click.Path(path_type=Path, file_okay=False),
        envvar="CHERRYLAB_DIRECTORY",
        help="Where the cloud keeps what it remembers; below nodeagent's state directory by default.",
    )(command)


@click.command("up")
@click.option("--driver", type=click.Choice(_DRIVERS), default="instant", show_default=True)
@click.option(
    "--artefacts",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="With qemu: a directory that the guests find at http://10.77.0.1/; the cloud's own `artefacts` by default.",
)
@click.option("--scenario", type=click.Path(path_type=Path, dir_okay=False), help="Delays, stock and faults, as YAML.")
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=0, help="Where its proxy listens; any free one by default."
)
@click.option(
    "--requests-per-second",
    type=click.IntRange(0),
    default=4,
    show_default=True,
    help="More are answered with 429, as the real API does; 0 is no limit.",
)
@click.option(
    "--latency",
    "latency_seconds",
    type=click.FloatRange(0, 60),
    default=0.3,
    show_default=True,
    help="Seconds before each answer; with it one client that waits for answers stays below the limit.",
)
@click.option("--foreground", is_flag=True, help="Stay, and end on Ctrl-C.")
@_of_directory
def up_cloud(*, directory: Path | None, foreground: bool, **settings: Any) -> None:
    """Start a cloud and return when it answers."""
    _require_packages()
    from cherrylab import kept_cloud

    place = (directory or kept_cloud.default_directory()).absolute()
    options = _options(settings)
    _prepare(settings["driver"])
    if foreground:
        kept_cloud.run(place, options, driver=lambda: _driver(settings, place), ready=_tell_up)
    else:
        _tell_up(kept_cloud.up(place, _arguments(settings)))


@click.command("down")
@click.option("--forget", is_flag=True, help="Also remove its directory: servers, token, certificate.")
@_of_directory
def down_cloud(*, directory: Path | None, forget: bool) -> None:
    """End the cloud; what it remembers stays for the next `up`."""
    _require_packages()
    from cherrylab import kept_cloud

    place = (directory or kept_cloud.default_directory()).absolute()
    was_up = kept_cloud.down(place, forget=forget)
    click.echo("The cloud is down." if was_up else f"No cloud was up in {place}.")


@click.command()
@_of_directory
def env(*, directory: Path | None) -> None:
    """Print what a shell must export to reach the cloud: eval "$(cherrylab env)"."""
    _require_packages()
    from cherrylab.service import HIDDEN_VARIABLES

    kept = _found(directory)
    click.echo(f"unset {' '.join(HIDDEN_VARIABLES)}")
    for name, value in kept.environment.items():
        click.echo(f"export {name}={shlex.quote(value)}")


@click.command()
@_of_directory
def ps(*, directory: Path | None) -> None:
    """Show the servers of the cloud: state, plan, price, addresses."""
    _require_packages()
    from cherrylab.cloud.overview import HEADER, rows
    from nodeagent.cli.output import table

    kept = _found(directory)
    found = rows(kept.directory)
    click.echo(table(found, header=HEADER) if found else "No server is in the cloud.")


@click.command("exec", context_settings={"ignore_unknown_options": True})
@_of_directory
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def exec_(*, directory: Path | None, command: tuple[str, ...]) -> None:
    """Run COMMAND in the network of the guests (driver qemu), which nothing else reaches: ssh, ping, ipmitool."""
    from cherrylab.drivers.qemu import namespace
    from cherrylab.guests.needs import require_root

    require_root()
    network = namespace(_found(directory).directory)
    os.execvp("ip", ("ip", "netns", "exec", network, *command))


COMMANDS = (up_cloud, down_cloud, env, ps, exec_)


def _require_packages() -> None:
    """A cloud is a tool of a checkout: what it is made of is not installed with the agent."""
    missing = [name for name in _PACKAGES if find_spec(name) is None]
    if missing:
        raise HostError(f"a cloud needs the Python packages {', '.join(missing)}", remedy="make .venv/.dev")


def _tell_up(kept: "KeptCloud") -> None:
    click.echo(f"The cloud is up on 127.0.0.1:{kept.port} ({kept.driver}), as process {kept.pid}.")
    from cherrylab.kept_cloud import default_directory

    place = (
        "" if kept.directory == default_directory().absolute() else f" --directory {shlex.quote(str(kept.directory))}"
    )
    click.echo(f'next: eval "$(cherrylab env{place})"', err=True)


def _found(directory: Path | None) -> "KeptCloud":
    from cherrylab import kept_cloud

    place = (directory or kept_cloud.default_directory()).absolute()
    kept = kept_cloud.find(place)
    if kept is None:
        raise UsageError(f"no cloud is up in {place}", remedy="cherrylab up")
    return kept


def _options(settings: dict[str, Any]) -> "Options":
    """Read the scenario here, also for a cloud in the background: its problems are told where it was typed."""
    from cherrylab.cloud.catalogue import load_catalogue
    from cherrylab.cloud.scenario import Scenario, load_scenario
    from cherrylab.service import Options

    path: Path | None = settings["scenario"]
    return Options(
        port=settings["port"],
        scenario=Scenario() if path is None else load_scenario(path, load_catalogue()),
        requests_per_second=settings["requests_per_second"] or None,
        latency_seconds=settings["latency_seconds"],
    )


def _arguments(settings: dict[str, Any]) -> tuple[str, ...]:
    """The settings of `up` as they are typed."""
    paths: dict[str, Path | None] = {f"--{name}": settings[name] for name in ("scenario", "artefacts")}
    return (
        *(word for name, path in paths.items() if path is not None for word in (name, os.fspath(path.absolute()))),
        *("--driver", settings["driver"]),
        *("--port", str(settings["port"])),
        *("--requests-per-second", str(settings["requests_per_second"])),
        *("--latency", str(settings["latency_seconds"])),
    )


def _prepare(driver: str) -> None:
    """What takes long or may be missing is seen to here, where it is told as it happens."""
    if driver == "qemu":
        from cherrylab.drivers.qemu import PROGRAMS
        from cherrylab.guests.image import ensure_image
        from cherrylab.guests.needs import require_programs, require_root

        require_root()
        require_programs(PROGRAMS)
        ensure_image(progress=lambda text: click.echo(text, err=True))


def _driver(settings: dict[str, Any], directory: Path) -> "Driver":
    """One case a driver; what it needs is imported only where it is asked for."""
    match settings["driver"]:
        case "instant":
            from cherrylab.drivers.instant import InstantDriver

            return InstantDriver()
        case "qemu":
            from cherrylab.drivers.qemu import QemuDriver

            return QemuDriver(directory, artefacts_directory=settings["artefacts"])
        case name:
            raise UsageError(f"no driver is called {name!r}")
