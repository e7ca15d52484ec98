"""What a call has to say besides its result: errors and warnings, for the whole resource or one attribute."""

from dataclasses import dataclass

from tf.gen import tfplugin_pb2 as protocol

from tests.terraform.provider.values import Object


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One message to the person at the terminal."""

    summary: str
    detail: str
    attribute: str | None = None
    is_warning: bool = False

    def message(self) -> protocol.Diagnostic:
        """As the protocol carries it."""
        severity = protocol.Diagnostic.WARNING if self.is_warning else protocol.Diagnostic.ERROR
        path = attribute_path(self.attribute) if self.attribute is not None else None
        return protocol.Diagnostic(severity=severity, summary=self.summary, detail=self.detail, attribute=path)


class DiagnosticError(Exception):
    """Ends a call with an error.

    The state stays what it was before the call, so what a create has made is lost, as it is by the real plugin; unless
    `state` is given, where the real one writes a state in spite of its error.
    """

    def __init__(self, summary: str, detail: str, *, attribute: str | None = None, state: Object | None = None) -> None:
        super().__init__(f"{summary}: {detail}")
        self.diagnostic = Diagnostic(summary=summary, detail=detail, attribute=attribute)
        self.state = state


def attribute_path(name: str) -> protocol.AttributePath:
    """The path of an attribute at the top of a resource."""
    return protocol.AttributePath(steps=[protocol.AttributePath.Step(attribute_name=name)])
