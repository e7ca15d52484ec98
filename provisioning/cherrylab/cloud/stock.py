"""How many machines of a plan are left in a region: what the catalogue has, less what is running."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cherrylab.cloud.cloud import Cloud


def available(cloud: "Cloud", plan: dict[str, Any], region: str, *, spot: bool = False) -> int:
    """0 where the plan is not sold there. `region` is a slug."""
    entries = with_stock(cloud, plan)["available_regions"]
    quantities = [int(one["spot_qty" if spot else "stock_qty"]) for one in entries if one["slug"] == region]
    return sum(quantities)


def with_stock(cloud: "Cloud", plan: dict[str, Any], *, sold_out: bool = False) -> dict[str, Any]:
    """A plan of the catalogue with the stock of this moment."""
    running = cloud.store.servers.all()

    def left(entry: dict[str, Any], quantity: int, *, spot: bool) -> int:
        taken = sum(one.plan == plan["slug"] and one.region == entry["slug"] and one.spot == spot for one in running)
        return 0 if sold_out else max(0, quantity - taken)

    return plan | {
        "available_regions": [
            entry
            | {
                "stock_qty": left(
                    entry, cloud.stock.get((plan["slug"], entry["slug"]), entry["stock_qty"]), spot=False
                ),
                "spot_qty": left(entry, entry["spot_qty"], spot=True),
            }
            for entry in plan["available_regions"]
        ]
    }
