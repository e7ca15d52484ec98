"""`make bench`: measure every figure and print the table.

usage: python -m tests.bench [--rounds N] [--check] [NAME ...]
"""

import argparse
import platform
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from nodeagent.cli.output import table
from tests.bench import FIGURES
from tests.bench.figure import Row

_HEADER = ("FIGURE", "OURS", "BESIDE IT", "", "RATIO", "GOAL", "")


def main(argv: Sequence[str] | None = None) -> int:
    """Print one table; with --check, 1 when a goal was missed."""
    names = [figure.name for figure in FIGURES]
    parser = argparse.ArgumentParser(prog="make bench", description="nodeagent's own speed, side by side")
    parser.add_argument("--rounds", type=int, default=25, help="runs of each contender (default 25)")
    parser.add_argument("--check", action="store_true", help="exit with 1 when a goal was missed")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"only these: {', '.join(names)}")
    arguments = parser.parse_args(argv)
    if unknown := set(arguments.names) - set(names):
        parser.error(f"no figure named {', '.join(sorted(unknown))}; known: {', '.join(names)}")

    rows: list[Row] = []
    for figure in FIGURES:
        if figure.name in arguments.names or not arguments.names:
            print(f"measuring {figure.name}: {figure.summary} ...", file=sys.stderr)
            with tempfile.TemporaryDirectory(prefix="nodeagent-bench-") as workspace:
                rows += figure.measure(workspace=Path(workspace), rounds=arguments.rounds)

    print(f"{datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, Linux {platform.release()}, medians of")
    print(f"{arguments.rounds} interleaved runs; a ratio is ours over what stands beside it")
    print(table([_cells(row) for row in rows], header=_HEADER))
    return 1 if arguments.check and any(row.met is False for row in rows) else 0


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.label,
        _amount(row.ours, row.unit),
        row.beside_label,
        "" if row.beside is None else _amount(row.beside, row.unit),
        "" if row.ratio is None else f"{row.ratio:.2f}",
        "" if row.goal is None else str(row.goal),
        {True: "met", False: "MISSED", None: ""}[row.met],
    )


def _amount(value: float, unit: str) -> str:
    if unit == "s" and value < 1:
        return f"{value * 1000:.1f} ms"
    return f"{value:,.2f} {unit}" if value < 100 else f"{value:,.0f} {unit}"


if __name__ == "__main__":
    sys.exit(main())
