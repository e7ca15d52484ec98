"""How the kernel prints a knob. By itself, since who only reads knobs needs no class of changes."""

from enum import StrEnum


class KnobForm(StrEnum):
    """As written, the chosen word in brackets, words between any white space, or a mask of CPUs, whose leading zeroes
    depend on how many CPUs there can be."""

    PLAIN = "plain"
    SELECTED = "selected"
    WORDS = "words"
    MASK = "mask"

    def parse(self, raw: str) -> str:
        """The value inside what the kernel printed; a text of another form is returned stripped."""
        text = raw.strip()
        match self:
            case KnobForm.PLAIN:
                return text
            case KnobForm.WORDS:
                return " ".join(text.split())
            case KnobForm.MASK:
                return text.lstrip("0,") or "0"
            case KnobForm.SELECTED:
                chosen = [word[1:-1] for word in text.split() if word[:1] == "[" and word[-1:] == "]"]
                return chosen[0] if len(chosen) == 1 else text
