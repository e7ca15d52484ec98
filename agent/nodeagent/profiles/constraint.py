"""Limits that a tunable puts on its settings, checked when a profile is loaded and shown in the JSON Schema.

They stand in type annotations: `Setting[Annotated[int, Range(0, 2)]]` for one value, and `Annotated[T, Check(faults)]`
as a tunable's `Settings` for what only several values together can tell. pydantic is imported inside the methods,
which only the loader calls, so that declaring a limit costs nothing.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong at `path` (keys and list positions below the settings); `at_key` means the last key itself."""

    path: tuple[str | int, ...]
    problem: str
    nearest: str = ""
    at_key: bool = False


@dataclass(frozen=True, slots=True)
class Range:
    """A whole number from `minimum` to `maximum`, both included."""

    minimum: int
    maximum: int

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], Any]) -> Any:
        return {**handler(source), "ge": self.minimum, "le": self.maximum}


@dataclass(frozen=True, slots=True)
class Pattern:
    """A text that matches `regex` as a whole; `wanted` says it in words."""

    regex: str
    wanted: str

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], Any]) -> Any:
        from re import fullmatch

        from pydantic_core import PydanticCustomError, core_schema

        def check(text: str) -> str:
            if fullmatch(self.regex, text):
                return text
            raise PydanticCustomError("wanted", "wanted {wanted}", {"wanted": self.wanted})

        return core_schema.no_info_after_validator_function(check, handler(source))

    def __get_pydantic_json_schema__(self, schema: Any, handler: Callable[[Any], Any]) -> Any:
        return {**handler(schema), "pattern": f"^(?:{self.regex})$"}


@dataclass(frozen=True, slots=True)
class Check:
    """`faults(settings)` names what is wrong with settings that are each of the right type."""

    faults: Callable[[Any], Iterable[Fault]]
