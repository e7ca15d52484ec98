"""What `nodeagent profile` prints."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from nodeagent.bench.benchmarks import BENCHMARKS
from nodeagent.cli.output import Symbol, Terminal, Tone, print_json, table
from nodeagent.model.errors import ExitCode, ProfileError
from nodeagent.model.profile import Profile
from nodeagent.model.setting import Bound, Mode, Setting
from nodeagent.profiles import default_search, load_profile
from nodeagent.profiles.document import Mapping as MappingNode
from nodeagent.profiles.document import Scalar, read_document
from nodeagent.profiles.explain import Explained, Explanation
from nodeagent.profiles.problems import DocumentError, Problem, Problems
from nodeagent.profiles.search import find, is_path, names
from nodeagent.profiles.targets import load_targets
from nodeagent.tune.tunables import SETTINGS_TYPES


def show_list(search: Sequence[Path], *, as_json: bool) -> None:
    profiles = _listed(names(_folders(search)))
    stages = _listed(names([folder / "targets" for folder in _folders(search)]))
    if as_json:
        print_json({"profiles": profiles, "stages": stages}, kind="profile.list")
        return
    rows = [[entry["name"], entry["summary"]] for entry in profiles]
    sys.stdout.write(table(rows, header=["PROFILE", "WHAT IT IS FOR"]) + "\n\n")
    rows = [[entry["name"], entry["summary"]] for entry in stages]
    sys.stdout.write(table(rows, header=["STAGE", "WHAT ITS TARGETS ARE FOR"]) + "\n")


def _listed(found: Mapping[str, Path]) -> list[dict[str, str]]:
    return [{"name": name, "summary": _summary(path), "file": str(path)} for name, path in found.items()]


def _summary(path: Path) -> str:
    """What the file says it is for; a file that can't be read says what to do about it."""
    problems = Problems()
    node = read_document(path, problems)
    summary = node.entries.get("summary") if isinstance(node, MappingNode) else None
    if isinstance(summary, Scalar) and not problems:
        return summary.text
    return f"can't be read: nodeagent profile validate {path}"


def show_profile(reference: str, search: Sequence[Path], terminal: Terminal, *, resolved: bool, as_json: bool) -> None:
    folders = _folders(search)
    profile = _load(reference, folders)
    if as_json:
        print_json(profile, kind="profile.show")
        return
    if not resolved:
        sys.stdout.write(find(reference, folders, what="profile").read_text(encoding="utf-8-sig"))
        return
    sys.stdout.write(f"{terminal.style(profile.name, Tone.STRONG)}: {profile.summary}\n")
    sys.stdout.write(f"digest {profile.digest}\n")
    for file in profile.files:
        sys.stdout.write(f"from {file}\n")
    for path in profile.left_out:
        sys.stdout.write(f"without {path}\n")
    sys.stdout.write("\n" + table(list(_rows(profile)), header=["KEY", "VALUE", "MODE", "SET AT"]) + "\n")


def _rows(profile: Profile) -> Iterator[list[str]]:
    if profile.placement is not None:
        yield from _setting_rows("placement", profile.placement)
    for name, settings in profile.tune.items():
        yield from _setting_rows(f"tune.{name}", settings)
    for place in profile.places:
        yield [f"places.{place.role}", place.directory or place.peer or "not said", "", ""]
    for setting in profile.benchmarks:
        options = " ".join(f"{key}={value}" for key, value in setting.options.items())
        yield [f"benchmarks.{setting.benchmark}@{setting.place}", options, "", ""]


def _setting_rows(path: str, value: Any) -> Iterator[list[str]]:
    """Settings wherever they stand, and plain values beside them (a selector, a mount point)."""
    if isinstance(value, Setting):
        shown = value.value if value.bound is Bound.EXACTLY else f"{value.bound}{value.value}"
        if isinstance(shown, tuple):
            shown = ",".join(map(str, shown))
        # The files are named in full above the table.
        set_at = value.origin.rpartition("/")[2]
        yield [path, str(shown), "" if value.mode is Mode.ENFORCE else str(value.mode), set_at]
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _setting_rows(f"{path}.{key}", item)
    elif isinstance(value, tuple):
        for at, item in enumerate(value):
            label = getattr(item, "name", "") or str(at)
            yield from _setting_rows(f"{path}.{label}", item)
    elif hasattr(value, "__dataclass_fields__") and not hasattr(value, "matches"):
        for key in value.__dataclass_fields__:
            yield from _setting_rows(f"{path}.{key}", getattr(value, key))
    elif value not in (None, ""):
        yield [path, str(value), "", ""]


def validate(files: Sequence[str], search: Sequence[Path], terminal: Terminal, *, as_json: bool) -> ExitCode:
    checked = [_validated(file, _folders(search)) for file in files]
    faulty = [entry for entry in checked if not entry["valid"]]
    code = ExitCode.ERROR if faulty else ExitCode.OK
    if as_json:
        print_json({"documents": checked}, kind="profile.validate")
        return code
    for entry in checked:
        mark = terminal.symbol(Symbol.OK if entry["valid"] else Symbol.FAIL)
        tone = Tone.GOOD if entry["valid"] else Tone.BAD
        sys.stdout.write(f"{terminal.style(mark, tone)} {entry['text']}\n")
    sys.stdout.write(f"{len(checked) - len(faulty)} of {len(checked)} valid\n")
    return code


def _validated(file: str, folders: Sequence[Path]) -> dict[str, Any]:
    entry: dict[str, Any] = {"file": file, "document": "targets" if _is_targets(file) else "profile", "valid": True}
    try:
        if _is_targets(file):
            entry["text"] = f"{file}: {len(_load_targets(Path(file), folders))} targets"
        else:
            profile = _load(file, folders)
            entry["text"] = f"{file}: profile {profile.name}, {len(profile.tune)} tunables"
    except ProfileError as error:
        problems = error.problems if isinstance(error, DocumentError) else ()
        entry |= {"valid": False, "text": error.message, "problems": [_problem(problem) for problem in problems]}
    return entry


def _problem(problem: Problem) -> dict[str, object]:
    mark = problem.mark
    place = {"file": mark.file, "line": mark.line, "column": mark.column}
    return place | {"path": problem.path, "problem": problem.problem, "got": problem.got, "nearest": problem.nearest}


def _is_targets(file: str) -> bool:
    """Does a file hold targets? Told by its keys; a file that can't be read is told about as a profile."""
    node = read_document(Path(file), Problems()) if is_path(file) else None
    return isinstance(node, MappingNode) and "targets" in node.entries


def explain(reference: str, key: str, search: Sequence[Path], terminal: Terminal, *, as_json: bool) -> None:
    from nodeagent.profiles.explain import explain as explain_profile

    found = explain_profile(reference, settings_types=SETTINGS_TYPES, search=_folders(search), key=key)
    if as_json:
        print_json(found, kind="profile.explain")
        return
    for number, file in enumerate(found.files, start=1):
        sys.stdout.write(f"{number}. {file}\n")
    for value in found.values:
        _tell(value, found, terminal)


def _tell(value: Explained, found: Explanation, terminal: Terminal) -> None:
    sys.stdout.write(f"\n{terminal.style(value.path, Tone.STRONG)}: {value.value}\n")
    for said in value.said:
        in_force = said is value.said[-1]
        mark = terminal.symbol(Symbol.OK) if in_force else " "
        line = f"  {mark} {said.mark}: {said.text or 'no value'}"
        sys.stdout.write((line if in_force else terminal.style(line, Tone.FAINT)) + "\n")
    if value.why:
        sys.stdout.write(f"    why: {value.why}\n")
    if value.source:
        sys.stdout.write(f"    source: {value.source}\n")


def print_schema(document: str) -> None:
    from nodeagent.profiles.schema import json_schema, targets_json_schema

    made = json_schema(SETTINGS_TYPES) if document == "profile" else targets_json_schema()
    sys.stdout.write(json.dumps(made, indent=2) + "\n")


def _folders(search: Sequence[Path]) -> tuple[Path, ...]:
    return (*search, *default_search())


def _load(reference: str, folders: Sequence[Path]) -> Profile:
    return load_profile(
        reference,
        settings_types=SETTINGS_TYPES,
        search=folders,
        benchmarks=tuple(benchmark.name for benchmark in BENCHMARKS),
    )


def _load_targets(path: Path, folders: Sequence[Path]) -> tuple[Any, ...]:
    metrics = {metric.name: metric for benchmark in BENCHMARKS for metric in benchmark.metrics}
    return load_targets(path, search=folders, metrics=metrics)
