"""Make schema.json from the bindings of the AWS provider that CDK for Terraform generated and published on PyPI.

    pip download --no-deps cdktf-cdktf-provider-aws==21.22.1
    python tests/terraform/provider/aws/extract.py cdktf_cdktf_provider_aws-21.22.1-py3-none-any.whl

Its JavaScript carries the TypeScript it was made of, where a comment tells of every attribute whether it is computed,
optional or required, and a function its type. Descriptions aren't taken over. Add a type to RESOURCES or DATA_SOURCES
when a configuration needs it, and run this again.
"""

import base64
import io
import json
import re
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RESOURCES = (
    "aws_budgets_budget",
    "aws_default_security_group",
    "aws_iam_role",
    "aws_iam_role_policy",
    "aws_instance",
    "aws_internet_gateway",
    "aws_key_pair",
    "aws_placement_group",
    "aws_route_table",
    "aws_route_table_association",
    "aws_s3_bucket",
    "aws_s3_bucket_lifecycle_configuration",
    "aws_s3_bucket_ownership_controls",
    "aws_s3_bucket_policy",
    "aws_s3_bucket_public_access_block",
    "aws_s3_bucket_server_side_encryption_configuration",
    "aws_s3_bucket_versioning",
    "aws_scheduler_schedule",
    "aws_security_group",
    "aws_subnet",
    "aws_vpc",
    "aws_vpc_security_group_egress_rule",
    "aws_vpc_security_group_ingress_rule",
)
DATA_SOURCES = ("aws_ami", "aws_caller_identity", "aws_ec2_instance_type", "aws_ec2_spot_price")

_CHUNK = re.compile(r"^export (?:class|function) (\w+)", re.MULTILINE)
_ATTRIBUTE = re.compile(
    r"// (\w+) - computed: (true|false), optional: (true|false), required: (true|false)\n(.*?)"
    r"(?=\n\s*// \w+ - computed:|\n\s*// ====|\Z)",
    re.DOTALL,
)
_SETTING = re.compile(
    r"^\s*(\w+): \{\s*value: [^\n]*\n\s*isBlock: (true|false),\n\s*type: \"(\w+)\",\n\s*storageClassType: \"(\w+)\"",
    re.MULTILINE,
)
_PLAIN = {"string": "string", "number": "number", "boolean": "bool", "any": "dynamic"}
_GETTERS = (
    (r"cdktf\.Fn\.tolist\(this\.getListAttribute", ["set", "string"]),
    (r"cdktf\.Fn\.tolist\(this\.getNumberListAttribute", ["set", "number"]),
    (r"this\.getStringAttribute", "string"),
    (r"this\.getNumberAttribute", "number"),
    (r"this\.getBooleanAttribute", "bool"),
    (r"this\.getListAttribute", ["list", "string"]),
    (r"this\.getNumberListAttribute", ["list", "number"]),
    (r"StringMap", ["map", "string"]),
    (r"getStringMapAttribute", ["map", "string"]),
)
_NESTED = re.compile(r"new (\w+?)(List|OutputReference)\(this, \"\w+\"(?:, (true|false))?\)")


class UnknownShapeError(Exception):
    """The bindings say something that this script doesn't know how to read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The TypeScript of one resource or data source, cut at its classes and functions."""

    chunks: dict[str, str]

    def attributes(self, name: str) -> Iterator[tuple[str, dict[str, bool], str]]:
        """Name, flags and code of each attribute of a class; the blocks of a provider have none, only settings."""
        if name not in self.chunks:
            yield from ((attribute, {"optional": True}, "") for attribute in self.settings(name))
            return
        for attribute, *flags, code in _ATTRIBUTE.findall(self.chunks[name]):
            told = zip(("computed", "optional", "required"), flags, strict=True)
            yield attribute, {flag: True for flag, value in told if value == "true"}, code

    def settings(self, name: str) -> dict[str, tuple[bool, str, str]]:
        """What can be configured: whether it is a block, its kind, and its type."""
        function = name[0].lower() + name[1:].removesuffix("OutputReference") + "ToHclTerraform"
        text = self.chunks[function] if function in self.chunks else self.chunks[name]
        return {key: (block == "true", kind, of) for key, block, kind, of in _SETTING.findall(text)}


def main() -> None:
    """Read the wheel that the command line names and write schema.json beside this file."""
    package = _package(Path(sys.argv[1]))
    document = {
        "format_version": "1.0",
        "provider_schemas": {
            "registry.terraform.io/hashicorp/aws": {
                "provider": {"version": 0, "block": _block(*_read(package, "provider"))},
                "resource_schemas": {name: _entry(package, name.removeprefix("aws_")) for name in RESOURCES},
                "data_source_schemas": {name: _entry(package, f"data_{name}") for name in DATA_SOURCES},
            }
        },
    }
    target = Path(__file__).with_name("schema.json")
    target.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n")


def _package(wheel: Path) -> tarfile.TarFile:
    with zipfile.ZipFile(wheel) as files:
        (name,) = (name for name in files.namelist() if name.endswith(".jsii.tgz"))
        return tarfile.open(fileobj=io.BytesIO(files.read(name)))


def _entry(package: tarfile.TarFile, name: str) -> dict[str, Any]:
    return {"version": 0, "block": _block(*_read(package, name))}


def _read(package: tarfile.TarFile, name: str) -> tuple[Source, str]:
    """The source of a type, and the name of the class that stands for it."""
    file = package.extractfile(f"package/lib/{name.replace('_', '-')}/index.js")
    assert file is not None
    found = re.search(r"sourceMappingURL=data:application/json;[^,]*base64,(\S+)", file.read().decode())
    assert found is not None
    (text,) = json.loads(base64.b64decode(found[1]))["sourcesContent"]
    starts = [(match[1], match.start()) for match in _CHUNK.finditer(text)]
    ends = [start for _, start in starts[1:]] + [len(text)]
    chunks = {chunk: text[start:end] for (chunk, start), end in zip(starts, ends, strict=True)}
    (top,) = (name for name, chunk in chunks.items() if "extends cdktf.Terraform" in chunk)
    return Source(chunks=chunks), top


def _block(source: Source, name: str) -> dict[str, Any]:
    settings = source.settings(name)
    attributes: dict[str, Any] = {}
    blocks: dict[str, Any] = {}
    for attribute, flags, code in source.attributes(name):
        is_block, kind, of = settings.get(attribute, (False, "", ""))
        if name.endswith("Provider") and attribute == "alias":
            continue  # Terraform's own
        if is_block:
            single = kind == "struct" or "OutputReference(this" in code
            blocks[attribute] = {
                "nesting_mode": "single" if kind == "struct" else kind,
                "block": _block(source, f"{of.removesuffix('List')}OutputReference"),
                **({"max_items": 1} if single and kind != "struct" else {}),
                **({"min_items": 1} if "required" in flags and kind != "struct" else {}),
            }
        else:
            attributes[attribute] = flags | _type(source, code, kind, of)
    return {"attributes": attributes, **({"block_types": blocks} if blocks else {})}


def _type(source: Source, code: str, kind: str, of: str) -> dict[str, Any]:
    if kind == "simple" and of in _PLAIN:
        return {"type": _PLAIN[of]}
    elements = re.fullmatch(r"(string|number|boolean|any)(List|Map|Set)", of)
    if kind in {"list", "set", "map"} and elements:
        return {"type": [kind, _PLAIN[elements[1]]]}
    nested = _NESTED.search(code)
    if nested:
        mode = kind if kind in {"list", "set"} else {"true": "set", "false": "list"}.get(nested[3], "single")
        inner = _block(source, f"{nested[1]}OutputReference")["attributes"]
        # The provider speaks protocol 5, which has objects among its types and no nested attributes.
        element = ["object", {attribute: entry["type"] for attribute, entry in inner.items()}]
        return {"type": element if mode == "single" else [mode, element]}
    for pattern, type_ in _GETTERS:
        if re.search(pattern, code):
            return {"type": type_}
    raise UnknownShapeError(f"{kind} of {of}: {code.strip()[:200]}")


if __name__ == "__main__":
    main()
