"""Findings in text: what each setting is and should be, and what to do where it isn't so."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from nodeagent.cli.output import Symbol, Terminal, Tone, table
from nodeagent.model.verdict import Finding, State, Verdict

_STATES: dict[State, tuple[Symbol | str, Tone]] = {
    State.OK: (Symbol.OK, Tone.GOOD),
    State.DRIFT: (Symbol.FAIL, Tone.BAD),
    State.NOT_APPLICABLE: ("-", Tone.FAINT),
    State.NEEDS_REBOOT: (Symbol.REBOOT, Tone.WARN),
    State.UNKNOWN: (Symbol.DEFERRED, Tone.WARN),
}
INDENT = " " * 6
_HASH_DIGITS = 12


def verdict_lines(verdicts: Sequence[Verdict], terminal: Terminal, *, verbose: bool, width: int) -> Iterator[str]:
    """Every setting with what it is and should be; below it what to do where it isn't so."""
    for verdict in verdicts:
        yield terminal.style(verdict.tunable, Tone.STRONG)
        told = [(verdict.tunable, finding) for finding in verdict.findings]
        yield from finding_lines(told, terminal, verbose=verbose, width=width)
        yield ""
    yield verdict_summary(verdicts)


def verdict_summary(verdicts: Iterable[Verdict]) -> str:
    findings = [finding for verdict in verdicts for finding in verdict.findings]
    counted = Counter(finding.state for finding in findings if not finding.optional)
    told = sum(finding.optional and finding.state is not State.OK for finding in findings)
    parts = [f"{counted[state]} {state.value}" for state in State if counted[state] or state in (State.OK, State.DRIFT)]
    return f"Verify: {', '.join(parts)}{f', {told} only told' if told else ''}."


def wrapped(
    text: str, width: int, *, terminal: Terminal, tone: Tone = Tone.FAINT, indent: str = INDENT
) -> Iterator[str]:
    """A sentence over several lines; words, and so commands and paths, stay whole."""
    from textwrap import wrap  # compiles its patterns when it is imported, and most calls of verify wrap nothing

    lines = wrap(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    yield from (terminal.style(line, tone) for line in lines)


def finding_lines(
    told: Sequence[tuple[str, Finding]], terminal: Terminal, *, verbose: bool, width: int
) -> Iterator[str]:
    """Mark, setting, values; values that are too long for the line follow below it."""
    heads = [
        (mark(_STATES[finding.state], terminal), shown(finding.subject.removeprefix(f"{tunable}:")))
        for tunable, finding in told
    ]
    columns = table([(*head, "|") for head in heads]).splitlines()
    room = width - max((len(line) - 1 for line in columns), default=0)
    for head, column, (_, finding) in zip(heads, columns, told, strict=True):
        values = _values(finding)
        fits = len(values) <= room
        yield column.removesuffix("|") + values if fits else "  ".join(head) + _state_word(finding)
        if not fits:
            yield from wrapped(values.removesuffix(_state_word(finding)), width, terminal=terminal)
        if finding.state is not State.OK or verbose:
            yield from _explanation(finding, terminal, verbose=verbose, width=width)


def _values(finding: Finding) -> str:
    return f"current={short(finding.got)} recommended={short(finding.wanted)}{_state_word(finding)}"


def _state_word(finding: Finding) -> str:
    if finding.state is State.OK:
        return ""
    return f" ({finding.state.value}{', only told' if finding.optional else ''})"


def _explanation(finding: Finding, terminal: Terminal, *, verbose: bool, width: int) -> Iterator[str]:
    remedy = "its mode is warn, so it is told and not set" if _is_only_told(finding) else finding.remedy
    texts = [remedy] if finding.state is not State.OK else []
    texts += [finding.why, finding.source] if verbose else []
    told = f" [{finding.id}]" if finding.id and finding.state is not State.OK else ""
    for number, text in enumerate(filter(None, texts)):
        yield from wrapped(text + (told if number == 0 else ""), width, terminal=terminal)


def _is_only_told(finding: Finding) -> bool:
    return finding.optional and finding.state is State.DRIFT


def mark(meaning: tuple[Symbol | str, Tone], terminal: Terminal) -> str:
    """A symbol in its colour, indented for the head of a line."""
    symbol, tone = meaning
    text = terminal.symbol(symbol) if isinstance(symbol, Symbol) else symbol
    return "  " + terminal.style(text, tone)


def short(value: str) -> str:
    """A checksum by its first digits; everything else whole, on one line."""
    kind, colon, digits = value.partition(":")
    if colon and kind == "sha256":
        return f"sha256:{digits[:_HASH_DIGITS]}"
    return shown(value)


def shown(text: str) -> str:
    """No byte of a name or a value reaches a terminal as a control character."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
