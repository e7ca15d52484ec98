"""User data in every wrapping, and what `terraform init` leaves behind."""

import base64
import gzip
import json

import pytest

from nodeagent.readiness.review.node import Node, nodes_of
from nodeagent.readiness.review.plan import parse_plan
from nodeagent.readiness.review.user_data import FILE_LIMIT_BYTES, SIZE_LIMIT_BYTES, files_of, profile_of
from nodeagent.readiness.review.workspace import parse_workspace
from tests.unit.readiness.plans import document, instance, resource, reviewed, server, told, wrapped

SECRET = "password: hunter2-hunter2"


def _node(*, user_data: str) -> Node:
    given = document([resource("a", after=server("a", user_data=user_data))])
    return nodes_of(parse_plan(json.dumps(given), where="p"))[0]


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.mark.parametrize(
    "user_data",
    [
        SECRET,
        wrapped(SECRET),
        _base64(gzip.compress(SECRET.encode(), mtime=0)),
        wrapped(f"#cloud-config\nwrite_files:\n  - {{path: /a, content: '{SECRET}'}}\n"),
        wrapped(f"#cloud-config\nwrite_files:\n  - {{path: /a, encoding: b64, content: {wrapped(SECRET)}}}\n"),
        wrapped(
            "#cloud-config\nwrite_files:\n  - {path: /a, encoding: gz+b64, content: "
            f"{_base64(gzip.compress(SECRET.encode(), mtime=0))}}}\n"
        ),
    ],
    ids=["bare", "base64", "gzip", "file", "base64-file", "gzip-file"],
)
def test_a_secret_is_found_in_every_wrapping(user_data: str) -> None:
    review = reviewed(document([resource("a", after=server("a", user_data=user_data))]))
    assert told(review, "NR-POLICY-006")


def test_a_secret_is_found_in_the_user_data_of_aws() -> None:
    for key, text in (("user_data", SECRET), ("user_data_base64", wrapped(SECRET))):
        given = document([resource("a", type_="aws_instance", after=instance("a", **{key: text}))])
        assert told(reviewed(given, "staging"), "NR-POLICY-006")


@pytest.mark.parametrize("broken", [b"\x1f\x8bnot gzip", b"\xff\xfe\x00", b"#cloud-config\n: : :\n- ["])
def test_what_can_not_be_unwrapped_is_looked_at_as_it_stands(broken: bytes) -> None:
    assert files_of(_node(user_data=_base64(broken)))
    assert profile_of(_node(user_data=_base64(broken))) is None


def test_a_bundle_inside_is_not_unpacked() -> None:
    large = _base64(bytes(FILE_LIMIT_BYTES * 20))
    config = f"#cloud-config\nwrite_files:\n  - {{path: /bundle.tar, encoding: b64, content: {large}}}\n"
    assert [(file.path, len(file.text) < 100) for file in files_of(_node(user_data=wrapped(config)))] == [
        ("", True),
        ("/bundle.tar", True),
    ]


def test_a_small_file_that_unpacks_to_a_large_one_is_cut() -> None:
    bomb = _base64(gzip.compress(b"0 " * (SIZE_LIMIT_BYTES * 2)))
    (file,) = files_of(_node(user_data=bomb))
    assert len(file.text) == SIZE_LIMIT_BYTES


def test_the_backend_and_the_lock_file_are_read() -> None:
    backend = {"version": 3, "backend": {"type": "s3", "config": {"use_lockfile": True, "encrypt": True}, "hash": 1}}
    lock = 'provider "registry.terraform.io/a/b" {\n  version     = "1.5.3"\n  hashes = [\n    "h1:x",\n  ]\n}\n'
    found = parse_workspace(backend=json.dumps(backend), lock=lock, initialised=True)
    assert found.backend is not None
    assert (found.backend.type, found.backend.config["use_lockfile"]) == ("s3", True)
    assert found.locked_providers == {"registry.terraform.io/a/b": "1.5.3"}


@pytest.mark.parametrize("backend", ["", "{}", '{"backend": null}', None])
def test_without_a_backend_the_state_is_a_file(backend: str | None) -> None:
    assert parse_workspace(backend=backend, lock=None, initialised=True).backend is None


@pytest.mark.parametrize("backend", ["[", "[]", "7", "[" * 100_000])
def test_a_backend_that_can_not_be_read_has_no_lock(backend: str) -> None:
    workspace = parse_workspace(backend=backend, lock=None, initialised=True)
    assert told(reviewed(document(), workspace=workspace), "NR-POLICY-007")
