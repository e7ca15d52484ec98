"""From the options of `nodeagent stage review` to a review: every file that it needs is read here."""

import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from nodeagent.model.errors import NodeagentError
from nodeagent.readiness.review.checkov import parse_checkov
from nodeagent.readiness.review.cost import Rates, Tariff
from nodeagent.readiness.review.plan import parse_plan
from nodeagent.readiness.review.prices import AWS_FILE, CHERRY_FILE, PriceList, parse_aws_prices, parse_prices
from nodeagent.readiness.review.review import Question, Review, review
from nodeagent.readiness.review.stage import stage_of
from nodeagent.readiness.review.workspace import BACKEND_FILE, LOCK_FILE, Workspace, parse_workspace

_APPLY_ARGUMENTS = "TF_CLI_ARGS_apply"  # a name of Terraform's, in its own spelling
_SIZE_LIMIT_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The options as typed; None where one wasn't given."""

    plan: Path
    stage: str
    budget: Decimal | None
    prices: Path | None
    usd_per_eur: Decimal | None
    vat_percent: Decimal | None
    with_vat: bool
    runs: int | None
    hours_per_run: int | None
    directory: Path | None
    parallelism: int | None
    checkov: Path | None
    accept: tuple[str, ...]


def answer(request: Request) -> Review:
    """NodeagentError where a file can't be read or isn't what it should be."""
    stage = stage_of(request.stage)
    return review(
        Question(
            plan=parse_plan(_read(request.plan), where=str(request.plan)),
            stage=stage,
            tariff=tariff_of(request.prices, request=request),
            today=datetime.now(tz=UTC).date(),
            workspace=_workspace(request.directory or request.plan.parent),
            budget_eur=request.budget,
            runs_per_month=request.runs,
            hours_per_run=request.hours_per_run,
            parallelism=request.parallelism or _parallelism_of(os.environ.get(_APPLY_ARGUMENTS, "")),
            accepted=request.accept,
            foreign=parse_checkov(_read(request.checkov), where=str(request.checkov)) if request.checkov else (),
        )
    )


def tariff_of(prices: Path | None, *, request: Request | None = None) -> Tariff:
    """The named price list, or the shipped one, with the rates of the options before those of the list."""
    shipped = _price_list(CHERRY_FILE)
    cherry = _price_list(prices) if prices else shipped
    return Tariff(
        cherry=cherry,
        aws=parse_aws_prices(_read(AWS_FILE), name=AWS_FILE.name),
        rates=Rates(
            usd_per_eur=_first(request.usd_per_eur if request else None, cherry.usd_per_eur, shipped.usd_per_eur),
            vat_percent=_first(request.vat_percent if request else None, cherry.vat_percent, shipped.vat_percent),
            with_vat=request.with_vat if request else False,
        ),
    )


def _price_list(path: Path) -> PriceList:
    return parse_prices(_read(path), name=path.name)


def _first(*values: Decimal | None) -> Decimal:
    return next(value for value in values if value is not None)


def _workspace(directory: Path) -> Workspace:
    return parse_workspace(
        backend=_read_if_there(directory / BACKEND_FILE),
        lock=_read_if_there(directory / LOCK_FILE),
        initialised=(directory / ".terraform").is_dir(),
    )


def _parallelism_of(arguments: str) -> int | None:
    match = re.search(r"-parallelism=(\d{1,3})\b", arguments)
    return int(match.group(1)) if match else None


def _read_if_there(path: Path) -> str | None:
    return _read(path).decode(errors="replace") if path.is_file() else None


def _read(path: Path) -> bytes:
    if path.stat().st_size > _SIZE_LIMIT_BYTES:
        raise NodeagentError(f"{path} has more than {_SIZE_LIMIT_BYTES} bytes", remedy="name the JSON of a plan")
    return path.read_bytes()
