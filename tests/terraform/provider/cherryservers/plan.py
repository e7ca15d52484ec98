"""Data sources `cherryservers_plan` and `cherryservers_plans`: what can be ordered, where, and for how much."""

from tests.terraform.provider.cherryservers.api import Client, asked
from tests.terraform.provider.cherryservers.precision import float32, whole
from tests.terraform.provider.cherryservers.region import bgp
from tests.terraform.provider.values import Object


def look_up(client: Client, config: Object) -> Object:
    """Read one plan by its slug or number."""
    return _state(asked("plan read failed", client, "GET", f"plans/{config['slug'] or config['id']}"))


def look_up_all(client: Client, _config: Object) -> Object:
    """Read all plans."""
    return {"plans": [_state(plan) for plan in asked("plan list read failed", client, "GET", "plans")]}


def _state(plan: Object) -> Object:
    return {
        **{key: plan[key] for key in ("id", "name", "slug", "type")},
        "softwares": [
            {"image": {key: software["image"].get(key, "") for key in ("name", "slug")}}
            for software in plan.get("softwares") or []
        ],
        "pricing": [
            {"unit": price["unit"], "price": float32(price["price"]), "currency": price["currency"]}
            for price in plan.get("pricing") or []
        ],
        "specs": _specs(plan.get("specs") or {}),
        "available_regions": [_region(region) for region in plan.get("available_regions") or []],
    }


def _specs(specs: Object) -> Object:
    processors, memory = specs.get("cpus") or {}, specs.get("memory") or {}
    return {
        "cpus": {
            "count": processors.get("count", 0),
            "name": processors.get("name", ""),
            "cores": processors.get("cores", 0),
            "frequency": float32(processors.get("frequency", 0)),
            "unit": processors.get("unit", ""),
        },
        "memory": {
            "count": memory.get("count", 0),
            "total": whole(memory.get("total", 0)),
            "unit": memory.get("unit", ""),
            "name": memory.get("name", ""),
        },
        "storage": [
            {
                "count": storage.get("count", 0),
                "name": storage.get("name", ""),
                "size": whole(storage.get("size", 0)),
                "unit": storage.get("unit", ""),
            }
            for storage in specs.get("storage") or []
        ],
        "nics": {"name": (specs.get("nics") or {}).get("name", "")},
        "bandwidth": {"name": (specs.get("bandwidth") or {}).get("name", "")},
    }


def _region(region: Object) -> Object:
    return {
        **{key: region[key] for key in ("id", "name", "region_iso_2", "slug")},
        "location": region.get("location", ""),
        "stock_qty": region.get("stock_qty", 0),
        "spot_qty": region.get("spot_qty", 0),
        "bgp": bgp(region),
    }
