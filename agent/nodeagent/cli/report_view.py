"""From a question to a written report, and from its decision to an exit code."""

from pathlib import Path
from typing import TextIO

from nodeagent.cli.evidence import Question, gather, load_documents
from nodeagent.cli.output import Symbol, Terminal, Tone
from nodeagent.host.host import Host
from nodeagent.host.output_file import write_output
from nodeagent.model.errors import ExitCode
from nodeagent.report.compose import make_document
from nodeagent.report.document import Decision, Document

_CODES = {
    Decision.GO: ExitCode.OK,
    Decision.NO_GO: ExitCode.TARGET_MISSED,
    Decision.INCOMPLETE: ExitCode.INCONCLUSIVE,
}
_MARKS = {
    Decision.GO: (Symbol.OK, Tone.GOOD),
    Decision.NO_GO: (Symbol.FAIL, Tone.BAD),
    Decision.INCOMPLETE: (Symbol.UNSURE, Tone.WARN),
}


def write(
    question: Question, terminal: Terminal, *, form: str, out: Path | None, stdout: TextIO, stderr: TextIO
) -> ExitCode:
    """Render to `out` or stdout; ProfileError for a profile or a stage that can't be read, before anything else."""
    load_documents(question)
    document = make_document(gather(question, Host()).evidence)
    text = render(document, form, stderr)
    if out is None:
        stdout.write(text)
    else:
        write_output(out, text)
        stdout.write(_summary(document, terminal, out))
    return _CODES[document.decision]


def render(document: Document, form: str, stderr: TextIO) -> str:
    """The document in one of cli.report.FORMATS; what a format has to leave out is told on `stderr`."""
    match form:
        case "html":
            from nodeagent.report import html, plots

            draw = plots.load_draw()
            if draw is None:
                stderr.write(f"{plots.LEFT_OUT}\n")
            return html.render(document, draw=draw)
        case "json":
            from nodeagent.report import json

            return json.render(document)
        case "junit":
            from nodeagent.report import junit

            return junit.render(document)
        case _:
            from nodeagent.report import markdown

            return markdown.render(document)


def _summary(document: Document, terminal: Terminal, out: Path) -> str:
    symbol, tone = _MARKS[document.decision]
    word = terminal.style(f"{terminal.symbol(symbol)} {document.decision}", tone)
    reasons = "".join(f"  {reason}\n" for reason in document.reasons)
    return f"{word}\n{reasons}Report: {out}\n"
