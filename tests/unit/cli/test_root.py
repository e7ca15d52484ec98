"""The root command: what each way to end becomes, and that its help says what it does."""

import re
import sys
from types import ModuleType

import click
import pytest

from nodeagent.cli import help as help_page
from nodeagent.cli.main import main
from nodeagent.cli.root import root
from nodeagent.model.errors import BusyError, ExitCode, NodeagentError, RefusedError


@pytest.fixture
def command_that_raises(monkeypatch: pytest.MonkeyPatch) -> list[BaseException | int]:
    """Replace what `nodeagent demo` runs by an ending of the test's choice."""
    ending: list[BaseException | int] = []

    @click.command()
    @click.option("--count", type=int)
    def command(count: int | None) -> int:
        if isinstance(ending[0], BaseException):
            raise ending[0]
        return ending[0]

    module = ModuleType("nodeagent.cli.demo")
    module.command = command  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "nodeagent.cli.demo", module)
    return ending


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        (0, ExitCode.OK),
        (2, ExitCode.DIFFERS),
        (NodeagentError("broken"), ExitCode.ERROR),
        (RefusedError("in use"), ExitCode.REFUSED),
        (BusyError("locked"), ExitCode.BUSY),
        (KeyboardInterrupt(), ExitCode.INTERRUPTED),
        (click.Abort(), ExitCode.INTERRUPTED),
        (click.UsageError("no"), ExitCode.USAGE),
        (click.ClickException("no"), ExitCode.ERROR),
        (ZeroDivisionError("ours"), ExitCode.ERROR),
        (PermissionError(13, "Permission denied"), ExitCode.ERROR),
    ],
)
def test_every_ending_has_its_exit_code(
    ending: BaseException | int, code: ExitCode, command_that_raises: list[BaseException | int]
) -> None:
    command_that_raises.append(ending)
    assert main(["demo"]) == code


def test_an_error_says_what_is_wrong_and_what_to_type_next(
    command_that_raises: list[BaseException | int], capsys: pytest.CaptureFixture[str]
) -> None:
    command_that_raises.append(NodeagentError("fio is missing", remedy="apt-get install fio"))
    main(["demo"])
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err == "nodeagent: fio is missing\nnext: apt-get install fio\n"


def test_a_defect_of_ours_is_one_line_without_debug_and_a_traceback_with_it(
    command_that_raises: list[BaseException | int], capsys: pytest.CaptureFixture[str]
) -> None:
    command_that_raises.append(ZeroDivisionError("ours"))
    main(["demo"])
    assert "Traceback" not in capsys.readouterr().err
    with pytest.raises(ZeroDivisionError):
        main(["--debug", "demo"])


@pytest.mark.parametrize(
    "arguments",
    [
        ["no-such-noun"],
        ["--no-such-option"],
        ["--color", "purple"],
        ["--color"],
        ["demo", "--count", "x"],
        ["demo", "surplus"],
        [""],
        ["completion"],
        ["completion", "tcsh"],
    ],
)
def test_wrong_usage_exits_with_64_and_prints_nothing_on_stdout(
    arguments: list[str],
    command_that_raises: list[BaseException | int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    command_that_raises.append(0)
    assert main(arguments) == ExitCode.USAGE
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.count("Error:") == 1


def test_a_misspelt_command_is_answered_with_the_nearest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    main(["hots"])
    assert "Did you mean 'host'?" in capsys.readouterr().err


def test_help_is_the_same_text_by_every_way_to_ask(capsys: pytest.CaptureFixture[str]) -> None:
    pages = []
    for arguments in ([], ["--help"], ["--color", "never", "--help"]):
        assert main(arguments) == ExitCode.OK
        pages.append(capsys.readouterr().out)
    assert pages == [help_page.HELP] * 3


def test_version_is_the_same_text_by_every_way_to_ask(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == ExitCode.OK
    plain = capsys.readouterr().out
    assert main(["--color", "never", "--version"]) == ExitCode.OK
    assert capsys.readouterr().out == plain
    assert re.fullmatch(r"nodeagent \d+\.\d+\.\d+\n", plain)


def test_help_names_every_option_that_the_root_command_has() -> None:
    with click.Context(root) as context:
        real = {name for option in root.get_params(context) for name in option.opts}
    assert set(re.findall(r"^  (--\w+)", help_page.HELP, re.MULTILINE)) == real


def test_help_names_every_exit_code() -> None:
    codes = {int(number) for number in re.findall(r"\b(\d+) [a-z]", help_page.HELP.partition("Exit codes: ")[2])}
    assert codes == {int(code) for code in ExitCode}


def test_help_fits_a_terminal_of_80_columns() -> None:
    assert max(map(len, help_page.HELP.splitlines())) <= 80


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_for_each_shell(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == ExitCode.OK
    assert f"_NODEAGENT_COMPLETE={shell}_complete" in capsys.readouterr().out
