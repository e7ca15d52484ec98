"""The review in each format, read back by somebody else's reader where there is one, and the command itself."""

import json
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from junitparser import JUnitXml

from nodeagent.cli.main import main
from nodeagent.cli.stage import _STAGES
from nodeagent.model.errors import ExitCode, NodeagentError, UsageError
from nodeagent.readiness.review import junit, sarif
from nodeagent.readiness.review.checkov import parse_checkov
from nodeagent.readiness.review.finding import Severity
from nodeagent.readiness.review.rules import RULES
from nodeagent.readiness.review.stage import STAGES
from tests.unit.readiness.plans import CLUSTER, FIXTURES, document, reviewed, told

SCHEMA = json.loads(Path(__file__).with_name("sarif-2.1.0-excerpt.schema.json").read_text())
CREATE = FIXTURES / "create-production.json"
CHECKOV_REAL = FIXTURES.parent / "checkov-3.3.30.json"
CHECKOV = {
    "check_type": "terraform_plan",
    "results": {
        "passed_checks": [{"check_id": "CKV_AWS_1", "resource": "aws_vpc.this"}],
        "failed_checks": [
            {
                "check_id": "CKV_AWS_79",
                "check_name": "Ensure Instance Metadata Service Version 1 is not enabled",
                "resource": "aws_instance.bench",
                "file_path": "/main.tf",
                "file_line_range": [12, 30],
                "severity": None,
                "guideline": "https://example.org/imds",
            },
            {"check_id": "CKV_AWS_8", "check_name": "Encrypt", "resource": "aws_instance.bench", "severity": "LOW"},
        ],
    },
}


def _with_everything() -> Any:
    odd = document([*CLUSTER, *CLUSTER[:1]], errored=True)
    odd["resource_changes"][0]["address"] = "bad\x1b[31m<&>\u0000"
    return reviewed(odd, foreign=parse_checkov(json.dumps(CHECKOV), where="c.json"), accepted=["NR-PLAN-001"])


def test_sarif_is_of_the_standards_shape_and_names_every_rule() -> None:
    review = _with_everything()
    log = json.loads(sarif.render(review, plan_file="plan.json"))
    jsonschema.validate(log, SCHEMA)
    run = log["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules][: len(RULES)] == [rule.id for rule in RULES]
    assert all(rules[result["ruleIndex"]]["id"] == result["ruleId"] for result in run["results"])
    assert len(run["results"]) == len(review.findings)
    checkov = next(result for result in run["results"] if result["ruleId"] == "CKV_AWS_79")
    assert checkov["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "main.tf"},
        "region": {"startLine": 12},
    }
    suppressed = [result["ruleId"] for result in run["results"] if "suppressions" in result]
    assert suppressed == ["NR-PLAN-001"]


def test_junit_has_a_case_a_rule_and_fails_where_it_counts() -> None:
    review = _with_everything()
    suites = JUnitXml.fromstring(junit.render(review).encode())
    (suite,) = suites
    failed = [case.name.split()[0] for case in suite if case.result]
    counting = dict.fromkeys(finding.id for finding in review.counting(Severity.ERROR))
    assert sorted(failed) == sorted(counting)
    assert suite.tests == len(RULES) + 2
    assert suite.failures == len(counting)


def test_checkov_is_folded_in() -> None:
    review = _with_everything()
    assert [finding.severity for finding in told(review, "CKV_AWS_79")] == [Severity.ERROR]
    assert [finding.severity for finding in told(review, "CKV_AWS_8")] == [Severity.WARNING]
    assert told(review, "CKV_AWS_1") == []


def test_a_real_report_of_checkov() -> None:
    """Checkov 3.3.30 on an instance without metadata tokens and a group that lets everybody in."""
    found = parse_checkov(CHECKOV_REAL.read_text(), where="checkov.json")
    assert {finding.id for finding in found} >= {"CKV_AWS_79", "CKV_AWS_24", "CKV_AWS_8"}
    assert {finding.severity for finding in found} == {Severity.ERROR}
    assert all(finding.address.startswith("aws_") and finding.line is None for finding in found)


@pytest.mark.parametrize("empty", [{"passed": 0, "failed": 0}, [CHECKOV, CHECKOV]])
def test_checkov_without_findings_or_of_several_frameworks(empty: object) -> None:
    assert len(parse_checkov(json.dumps(empty), where="c.json")) in {0, 4}


@pytest.mark.parametrize("text", ["", "[]", "{}", "7", '[{"results": {}}, 3]'])
def test_what_is_not_checkovs_is_refused(text: str) -> None:
    with pytest.raises(NodeagentError, match="no report of checkov"):
        parse_checkov(text, where="c.json")


def test_an_unknown_id_can_not_be_accepted() -> None:
    with pytest.raises(UsageError, match="NR-POLICY-999"):
        reviewed(document(), accepted=["NR-POLICY-999"])


def _run(*arguments: str) -> int:
    return main(["--color", "never", "stage", "review", str(CREATE), *arguments])


def test_text_ends_with_the_decision(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run() == ExitCode.OK
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Cost  EUR a month, without VAT; cherry-2026-11.json of 2026-11-23; 1 EUR = 1.08 USD")
    assert "3 control-plane, 1 validator in LT-Siauliai; private network known after apply, MTU 9000" in lines[8]
    assert lines[-1].startswith("✓ GO: stage local")
    assert lines[-1].endswith("4,900.00 of 5,092.59 EUR a month, applying it buys nothing.")
    assert all(line == line.rstrip() for line in lines)


def test_one_fault_of_many_machines_is_told_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text(CREATE.read_text().replace('"owner": "infra"', '"owner": ""'))
    assert main(["--color", "never", "stage", "review", str(plan)]) == ExitCode.TARGET_MISSED
    lines = capsys.readouterr().out.splitlines()
    (told_once,) = (number for number, line in enumerate(lines) if "NR-POLICY-001" in line)
    assert lines[told_once] == "  ✗ error tags missing or empty: owner [NR-POLICY-001]"
    assert [line.split(".cherry")[0] for line in lines[told_once + 1 : told_once + 5]] == [
        '      module.control_plane["cp-1"]',
        '      module.control_plane["cp-2"]',
        '      module.control_plane["cp-3"]',
        '      module.validator["val-1"]',
    ]
    assert lines[told_once + 5].startswith("      do: ")
    assert "4 errors" in lines[-1]


def test_no_go_is_exit_code_3(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("--stage", "production") == ExitCode.TARGET_MISSED
    assert "✗ NO-GO: stage production, 3 errors, 1 warning" in capsys.readouterr().out
    assert _run("--budget", "10") == ExitCode.TARGET_MISSED


def test_json_is_one_document_with_decimal_texts(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("--output", "json", "--parallelism", "1") == ExitCode.OK
    body = json.loads(capsys.readouterr().out)
    assert (body["schema_version"], body["kind"], body["decision"]) == (1, "plan-review", "GO")
    assert body["cost"]["month_eur"] == "4900.00"
    assert body["topology"]["roles"] == {"control-plane": 3, "validator": 1}
    assert {line["made_up"] for line in body["cost"]["lines"]} == {True}


@pytest.mark.parametrize("form", ["sarif", "junit"])
def test_the_other_formats_are_written_too(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("--output", form, "--stage", "production") == ExitCode.TARGET_MISSED
    assert "NR-COST-003" in capsys.readouterr().out


def test_options_reach_the_review(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / ".terraform").mkdir()
    (tmp_path / ".terraform" / "terraform.tfstate").write_text(
        json.dumps({"backend": {"type": "s3", "config": {"use_lockfile": True, "encrypt": True}}})
    )
    prices = tmp_path / "plans.json"
    row = {"unit": "Monthly", "price": 100, "currency": "USD", "taxed": False}
    slugs = ("amd-epyc-7302p", "amd-epyc-9454p")
    prices.write_text(json.dumps({"as_of": "2026-11-25", "plans": [{"slug": s, "pricing": [row]} for s in slugs]}))
    accept = ["--accept", 'NR-NET-008@module.validator["val-1"].cherryservers_server.this', "--accept", "NR-COST-004"]
    options = ["--prices", str(prices), "--usd-per-eur", "2", "--directory", str(tmp_path), "--parallelism", "1"]
    assert _run("--stage", "production", *options, *accept) == ExitCode.OK
    assert "200.00 of 2,750.00 EUR a month." in capsys.readouterr().out


@pytest.mark.parametrize("option", [["--budget", "-1"], ["--usd-per-eur", "0"], ["--budget", "nan"], ["--runs", "0"]])
def test_an_amount_that_is_none_is_wrong_usage(option: list[str]) -> None:
    assert _run(*option) == ExitCode.USAGE


def test_several_plans_are_reviewed_one_by_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(str(CREATE), "--stage", "production") == ExitCode.TARGET_MISSED
    assert capsys.readouterr().out.count("NO-GO") == 2
    assert _run(str(CREATE), "--output", "json") == ExitCode.USAGE


def test_what_apply_is_given_by_the_environment_counts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TF_CLI_ARGS_apply", "-parallelism=1 -auto-approve")
    assert _run() == ExitCode.OK
    assert "NR-POLICY-008" not in capsys.readouterr().out


def test_a_file_that_is_no_plan_is_one_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = tmp_path / "x.json"
    wrong.write_text("{}")
    assert main(["stage", "review", str(wrong)]) == ExitCode.ERROR
    said = capsys.readouterr()
    assert said.out == ""
    assert "format_version" in said.err
    assert "next: make it with" in said.err


def test_the_choices_of_the_command_are_the_stages() -> None:
    assert tuple(stage.name for stage in STAGES) == _STAGES
