"""The document as Markdown to paste into a ticket: the decision, what speaks against it, and the figures."""

import re

from nodeagent.report.document import Document
from nodeagent.report.templates import environment
from nodeagent.report.wording import pieces


def render(document: Document) -> str:
    """CommonMark with the tables of GitHub and GitLab; ends with one line end."""
    templates = environment(autoescape=False)
    templates.filters["cell"] = cell
    templates.filters["code"] = code
    templates.filters["remedy"] = remedy
    return templates.get_template("report.md.j2").render(report=document).strip() + "\n"


def cell(text: str) -> str:
    """Text inside a table: nothing in it is markup, and it stays on one line."""
    return _literal(" ".join(text.split())) or "–"


def remedy(text: str) -> str:
    """A remedy inside a table: what is to be typed as code."""
    return "".join(code(part) if typed else _literal(part) for part, typed in pieces(text)) or "–"


def _literal(text: str) -> str:
    return re.sub(r"([\\`*_\[\]|~])", r"\\\1", text.replace("\n", " ")).replace("&", "&amp;").replace("<", "&lt;")


def code(text: str) -> str:
    """Inline code in a table, with a fence longer than any in the text; a bar would end the cell even there."""
    flat = " ".join(text.split()).replace("|", "\\|")
    if not flat:
        return "–"
    longest = max((len(run) for run in re.findall(r"`+", flat)), default=0)
    fence, gap = "`" * (longest + 1), " " if longest else ""
    return f"{fence}{gap}{flat}{gap}{fence}"
