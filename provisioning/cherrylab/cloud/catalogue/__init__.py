"""What is for sale: regions, plans, images, cycles and prices, as the JSON files beside this one have them.

The files hold the API's own shapes. What is ours in them (`as_of`, `note`, `provenance`, a plan's regions by slug) is
taken out or filled in here, so that nothing but the API's words is ever served.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Json = dict[str, Any]

_DIRECTORY = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """Entries in the API's shape. Prices are in `currency`, without tax unless `taxed`; stock is before any order."""

    as_of: str
    currency: str
    regions: tuple[Json, ...]
    plans: tuple[Json, ...]
    images: tuple[Json, ...]
    cycles: tuple[Json, ...]
    prebuilts: tuple[Json, ...]
    backup_plans: tuple[Json, ...]

    def region(self, reference: str) -> Json | None:
        """By slug or number."""
        return _find(self.regions, reference)

    def plan(self, reference: str) -> Json | None:
        """By slug or number."""
        return _find(self.plans, reference)

    def images_of(self, plan: Json) -> tuple[Json, ...]:
        """The images that a plan may be deployed with."""
        return tuple(
            {key: value for key, value in image.items() if key != "types"}
            for image in self.images
            if plan["type"] in image.get("types", [plan["type"]])
        )

    def prebuilts_of(self, plan: Json, *, region: str | None) -> tuple[Json, ...]:
        """Assembled variants of a plan, in one region or in all."""
        return tuple(
            {key: value for key, value in one.items() if key not in {"plan", "region"}}
            for one in self.prebuilts
            if one["plan"] == plan["slug"] and region in {None, one["region"]}
        )

    def sold(self, slug: str, *, prebuilt_id: int | None) -> Json:
        """A plan as one server has it: an assembled variant stands over the plan's hardware and price.

        KeyError for a plan that nobody could have ordered.
        """
        plan = self.plan(slug)
        if plan is None:
            raise KeyError(slug)
        variant = next((one for one in self.prebuilts if one["id"] == prebuilt_id), {})
        return plan | {name: variant[name] for name in ("specs", "pricing") if name in variant}

    def backup_plan(self, slug: str) -> Json | None:
        return _find(self.backup_plans, slug)


def load_catalogue(directory: Path = _DIRECTORY) -> Catalogue:
    """The catalogue in a directory; KeyError or ValueError where a file is not what this one expects."""
    regions = tuple(_read(directory, "regions")["regions"])
    by_slug = {region["slug"]: region for region in regions}
    plans = _read(directory, "plans")
    return Catalogue(
        as_of=plans["as_of"],
        currency=plans["currency"],
        regions=regions,
        plans=tuple(_completed(plan, by_slug) for plan in plans["plans"]),
        images=tuple(_read(directory, "images")["images"]),
        cycles=tuple(_read(directory, "cycles")["cycles"]),
        prebuilts=tuple(_read(directory, "prebuilts")["prebuilts"]),
        backup_plans=tuple(
            plan | {"regions": [by_slug[slug] for slug in plan["regions"]]}
            for plan in _read(directory, "backup_storage_plans")["backup_storage_plans"]
        ),
    )


def _read(directory: Path, name: str) -> Json:
    document: Json = json.loads((directory / f"{name}.json").read_text())
    return document


def _completed(plan: Json, regions: Mapping[str, Json]) -> Json:
    kept = {key: value for key, value in plan.items() if key != "provenance"}
    return kept | {"available_regions": [regions[one["slug"]] | one for one in plan["available_regions"]]}


def _find(entries: tuple[Json, ...], reference: str) -> Json | None:
    return next((one for one in entries if reference in {one["slug"], str(one["id"])}), None)
