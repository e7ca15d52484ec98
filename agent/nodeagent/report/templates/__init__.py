"""The templates of the report, and the environment they are rendered in."""

from typing import TYPE_CHECKING

from nodeagent.report.wording import FILTERS

if TYPE_CHECKING:
    from jinja2 import Environment


def environment(*, autoescape: bool) -> "Environment":
    """Strict: a name that a template has and the document lacks is an error, never an empty place in a report."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("nodeagent.report"),
        autoescape=autoescape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters.update(FILTERS)
    return made
