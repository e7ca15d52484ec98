"""The nouns of the command line and the page that `nodeagent --help` prints.

Plain text and a table, so that neither help nor completion imports what the commands need. `root` takes its list of
commands from here; a test compares the options below with those that the root command really has.
"""

COMMANDS = {
    "host": "What this machine is made of, and what it lacks for the work.",
    "profile": "The documents that say how a machine should be set up.",
    "tune": "Plan, apply, verify and roll back settings.",
    "bench": "Measure, and judge against targets, ceilings and history.",
    "stage": "Review a Terraform plan: its cost, topology and policy.",
    "cherry": "Servers at Cherry Servers: what Terraform can't do.",
    "report": "The go/no-go page for a review.",
    "serve": "Keep watching, and export Prometheus metrics.",
    "demo": "See all of it here, on files and devices of its own.",
    "completion": "Print the completion script of a shell.",
}

_ROWS = "\n".join(f"  {name:<12}{line}" for name, line in COMMANDS.items())

HELP = f"""\
Usage: nodeagent [OPTIONS] COMMAND [ARGS]...

  Is this machine set up as it should be, is it as fast as it is paid for, and
  may it go into production? Start with `nodeagent demo` or, on a real server,
  `nodeagent host doctor` and `nodeagent tune plan`, which change nothing.

Commands:
{_ROWS}

Options:
  --color [auto|always|never]  auto: on a terminal, unless NO_COLOR is set.
  --debug                      Show the traceback of an error.
  --version                    Show the version and exit.
  --help                       Show this message and exit.

Exit codes: 0 fine, 1 error, 2 differs, 3 target missed, 4 refused for safety,
5 rolled back, 6 inconclusive, 64 wrong usage, 75 busy, 130 interrupted.
"""
