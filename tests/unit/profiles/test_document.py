"""Reading YAML: texts stay texts, what surprises is refused, and hostile files cost no more than honest ones."""

import os
import time
from pathlib import Path

import pytest

from nodeagent.profiles.document import (
    DEPTH_LIMIT,
    FILE_LIMIT_BYTES,
    LINE_LIMIT,
    NODE_LIMIT,
    Mapping,
    Node,
    Scalar,
    Sequence,
    read_document,
)
from nodeagent.profiles.problems import Problems


def _read(directory: Path, content: str | bytes) -> tuple[Mapping | None, list[str]]:
    path = directory / "document.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
    problems = Problems()
    node = read_document(path, problems, shown_as="document.yaml")
    return node, [str(problem) for problem in problems.ordered()]


def _plain(node: Node | None) -> object:
    match node:
        case Scalar():
            return node.text
        case Sequence():
            return [_plain(item) for item in node.items]
        case Mapping():
            return {key: _plain(item) for key, item in node.entries.items()}
        case None:
            return None


@pytest.mark.parametrize(
    "text",
    [
        "off",
        "yes",
        "0000:01:00.0",
        "0755",
        "1e3",
        "12:30:00",
        "2024-13-45",
        "null",
        "~",
        ".inf",
        "NaN",
        "0x10",
        "9" * 4000,
    ],
)
def test_a_scalar_stays_the_text_that_was_written(tmp_path: Path, text: str) -> None:
    node, problems = _read(tmp_path, f"key: {text}\nlist: [{text}]\n")
    assert _plain(node) == {"key": text, "list": [text]}
    assert problems == []


def test_every_node_knows_its_line_and_column(tmp_path: Path) -> None:
    node, _ = _read(tmp_path, "a: 1\nb:\n  - x\n  - {c: y}\n")
    assert node is not None
    inner = node.entries["b"]
    assert isinstance(inner, Sequence)
    assert [str(item.mark) for item in inner.items] == ["document.yaml:3:5", "document.yaml:4:5"]
    assert str(node.key_marks["b"]) == "document.yaml:2:1"


def test_columns_count_characters_not_bytes(tmp_path: Path) -> None:
    node, _ = _read(tmp_path, "µ: {ß: x}\n")
    assert node is not None
    assert str(node.entries["µ"].mark) == "document.yaml:1:4"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("a: &x 1\nb: *x\n", ["1:4: anchors are refused; use `extends` or write it out, got '&x'",
                              "2:4: aliases are refused; use `extends` or write it out, got '*x'"]),
        ("a: !!int 1\n", ["1:4: tags are refused; the schema knows the type, got 'tag:yaml.org,2002:int'"]),
        ("a: !run x\n", ["1:4: tags are refused; the schema knows the type, got '!run'"]),
        ("<<: {a: 1}\n", ["1:1: merge keys are refused; use `extends`, got '<<'"]),
        ("a: 1\na: 2\n", ["2:1: the key stands twice, first on line 1, got 'a'"]),
        ("a: {b: 1, b: 2}\n", ["1:11: the key stands twice, first on line 1, got 'b'"]),
        ("a: 1\n---\nb: 2\n", ["2:1: a second document in one file"]),
        ("%YAML 1.1\n---\na: 1\n", ["2:1: a % directive"]),
        ("{[a]: 1}\n", ["1:2: a key must be a plain text, got a list"]),
        ("a: >=1000\n", ["1:5: expected chomping or indentation indicators, but found '='; "
                         "a bound is written in quotes: '>=4'"]),
        ("a: {b: >=4}\n", ["1:8: found character '>' that cannot start any token; "
                           "a bound is written in quotes: '>=4'"]),
        ("a: 'x\n", ["2:1: found unexpected end of stream"]),
        ("\ta: 1\n", ["1:1: found character '\\t' that cannot start any token"]),
        ("", ["1:1: wanted a mapping of keys and values, got an empty file"]),
        ("word\n", ["1:1: wanted a mapping of keys and values, got 'word'"]),
        ("- a\n", ["1:1: wanted a mapping of keys and values, got a list"]),
        (b"a: 1\nb\xff: 2\n", ["2:2: is not UTF-8, got byte 0xff"]),
        ("a: x\x07\n", ["1:5: a character that can't be seen, got '\\x07'"]),
        ("ok: 1\r\na: \u202ex\r\n", ["2:4: a character that can't be seen, got '\\u202e'"]),
        ('a: "\\0"\n', ["1:4: a character that can't be seen, got '\\x00'"]),
        ('a: "\\ud800"\n', ["1:4: a character that can't be seen, got '\\ud800'"]),
        ('a: "\\U99999999"\n', ["1:1: is not YAML from here on: "
                                "OverflowError: Python int too large to convert to C int"]),
    ],
)  # fmt: skip
def test_what_surprises_is_refused_at_its_place(tmp_path: Path, content: str | bytes, told: list[str]) -> None:
    _, problems = _read(tmp_path, content)
    assert problems == [f"document.yaml:{line}" for line in told]


def test_a_byte_order_mark_and_windows_line_ends_are_harmless(tmp_path: Path) -> None:
    node, problems = _read(tmp_path, "\ufeffa: 1\r\nb: 2\r\n")
    assert _plain(node) == {"a": "1", "b": "2"}
    assert problems == []


@pytest.mark.parametrize("kind", ["directory", "fifo", "device", "absent", "closed"])
def test_what_is_no_readable_file_is_told_and_never_waited_for(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "document.yaml"
    if kind == "directory":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "device":
        path = Path("/dev/zero")
    elif kind == "closed":
        path = path / "below-a-file"
        path.parent.write_text("")
    problems = Problems()
    assert read_document(path, problems) is None
    assert len(problems.found) == 1


_LARGE = FILE_LIMIT_BYTES - 16
_HOSTILE = {
    "nested lists": "[" * _LARGE,
    "nested lists on short lines": "[\n" * (_LARGE // 2),
    "many short escapes": 'a: "' + ("\\x41" * 1000 + "\n  ") * 60 + '"',
    "many short words": "a:\n" + ("  " + "x " * 2000 + "\n") * 60,
    "long tags": "".join(f"k{n}: !<{'x' * 4000}> 1\n" for n in range(60)),
    "long anchors": "".join(f"k{n}: &{'x' * 4000} 1\n" for n in range(60)),
    "nested mappings": "{a: " * (_LARGE // 4),
    "dashes": "- " * (_LARGE // 2),
    "question marks": "? " * (_LARGE // 2),
    "colons": ": " * (_LARGE // 2),
    "an alias bomb": "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9) if n else 'x'}]\n" for n in range(10)),
    "many keys": "".join(f"k{n}: v\n" for n in range(20_000)),
    "many items": f"a: [{'b,' * 120_000}]",
    "a long key": "x" * _LARGE + ": 1",
    "a long value": "a: " + "x " * (_LARGE // 2 - 4),
    "a long quoted value": 'a: "' + "x" * (_LARGE - 8) + '"',
    "escapes": 'a: "' + "\\x41" * 60_000 + '"',
    "comments": "#\n" * (_LARGE // 2),
    "blank lines": "\n" * _LARGE,
    "a block": "a: |\n" + "  x\n" * 60_000,
    "quotes": '"' * _LARGE,
    "a long tag": f"a: !<{'x' * (_LARGE - 10)}> 1",
    "a long anchor": f"a: &{'x' * (_LARGE - 10)} 1",
    "percents": "%" * _LARGE,
    "deep indentation": "".join(" " * n + "a:\n" for n in range(600)),
}  # fmt: skip


@pytest.mark.parametrize("name", _HOSTILE)
def test_a_hostile_file_costs_less_than_a_second(tmp_path: Path, name: str) -> None:
    started = time.process_time()
    _read(tmp_path, _HOSTILE[name])
    assert time.process_time() - started < 1.0


def test_the_limits_are_what_they_say(tmp_path: Path) -> None:
    deep = "{a: " * (DEPTH_LIMIT - 1) + "x" + "}" * (DEPTH_LIMIT - 1)
    assert _read(tmp_path, deep)[1] == []
    assert "nested deeper than 16" in _read(tmp_path, f"{{a: {deep}}}")[1][0]
    most = "".join(f"k{n}: v\n" for n in range(NODE_LIMIT // 2 - 1))
    assert _read(tmp_path, most)[1] == []
    assert "more than 10000 values" in _read(tmp_path, most + "one: more\n")[1][0]
    assert _read(tmp_path, "a: " + "x" * (LINE_LIMIT - 3))[1] == []
    assert _read(tmp_path, "b: 1\na: " + "x" * (LINE_LIMIT - 2))[1] == [
        "document.yaml:2:4097: a line of more than 4096 characters"
    ]
    assert _read(tmp_path, b"#" * FILE_LIMIT_BYTES + b"\n")[1] == ["document.yaml:1:1: is larger than 256 KiB"]
