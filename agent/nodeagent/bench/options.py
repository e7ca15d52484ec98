"""Options of a benchmark as they come from a profile or the command line: names and values still texts."""

from nodeagent.bench.benchmark import RunSpec
from nodeagent.model.errors import UsageError


def check_options(spec: RunSpec, *, benchmark: str, known: tuple[str, ...]) -> None:
    """UsageError for an option that the benchmark does not have."""
    unknown = sorted(set(spec.options) - set(known))
    if unknown:
        raise UsageError(f"{benchmark}: no option {unknown[0]!r}; it has: {', '.join(known)}")


def whole_number(spec: RunSpec, name: str, *, default: int, least: int, most: int) -> int:
    """UsageError unless the option is a whole number in the range."""
    text = spec.options.get(name, str(default))
    number = int(text) if text.isascii() and text.isdecimal() and len(text) <= 15 else -1
    if not least <= number <= most:
        raise UsageError(f"option {name}: got {text!r}, wanted a whole number from {least} to {most}")
    return number


def yes_or_no(spec: RunSpec, name: str, *, default: bool) -> bool:
    """UsageError unless the option is `yes` or `no`."""
    text = spec.options.get(name, "yes" if default else "no")
    if text not in {"yes", "no"}:
        raise UsageError(f"option {name}: got {text!r}, wanted yes or no")
    return text == "yes"
