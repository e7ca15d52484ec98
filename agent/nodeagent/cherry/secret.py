"""A secret that doesn't print itself: it leaves this type only where somebody asks for it by name."""

from collections.abc import Mapping

from nodeagent.model.errors import NodeagentError

TOKEN_VARIABLES = ("CHERRY_AUTH_KEY", "CHERRY_AUTH_TOKEN")
"""In the order in which the Terraform provider looks at them."""

HIDDEN = "***"


class Secret:
    """Text that is shown as ***, in messages, reprs, tracebacks and dataclasses alike."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text, for the one place that needs it."""
        return self._text

    def hide_in(self, message: str) -> str:
        """The message without the secret, should somebody have repeated it."""
        return message.replace(self._text, HIDDEN) if self._text else message

    def __repr__(self) -> str:
        return HIDDEN

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> str:
        raise TypeError("a secret is not written anywhere")


def token_from(environment: Mapping[str, str]) -> Secret:
    """The API token; never from a file or an option, which others can read. NodeagentError where there is none."""
    for name in TOKEN_VARIABLES:
        if value := environment.get(name, "").strip():
            if not (value.isascii() and value.isprintable()):
                raise NodeagentError(
                    f"{name} holds characters that no token has", remedy=f"copy the token again: export {name}=..."
                )
            return Secret(value)
    raise NodeagentError(
        f"no API token: neither {' nor '.join(TOKEN_VARIABLES)} is set",
        remedy=f"make one in the portal of Cherry Servers (API keys), then: export {TOKEN_VARIABLES[-1]}=...",
    )
