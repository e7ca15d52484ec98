"""The machines of a plan, whichever cloud sells them, in one shape that topology, cost and policy share."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from nodeagent.readiness.review.attributes import Values, blocks, flag, text, text_map
from nodeagent.readiness.review.plan import Fate, Plan, ResourceChange


class Cloud(StrEnum):
    """Who sells the machine."""

    CHERRY = "cherry"
    AWS = "aws"


CLOUDS = {"cherryservers_server": Cloud.CHERRY, "aws_instance": Cloud.AWS, "aws_spot_instance_request": Cloud.AWS}
"""The resource types that are machines."""

REGION_NAMES = {"EU-East-1": "LT-Siauliai"}
"""Names that Cherry Servers gave its regions before, and today's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One machine. `values` are those after apply, or before where it goes; what isn't known yet is "".

    `size` is the plan slug at Cherry Servers, the instance type at AWS. `region` is today's name.
    """

    resource: ResourceChange
    cloud: Cloud
    values: Values
    size: str
    region: str
    hostname: str
    role: str
    image: str
    spot: bool
    tags: dict[str, str]

    @property
    def address(self) -> str:
        return self.resource.address

    @property
    def fate(self) -> Fate:
        return self.resource.change.fate

    @property
    def stays(self) -> bool:
        """Whether the machine is there once the plan is applied."""
        return self.fate not in (Fate.DELETE, Fate.FORGET)


def nodes_of(plan: Plan) -> tuple[Node, ...]:
    """Every machine of the plan, in the order of their addresses as Terraform prints them."""
    return tuple(_node(resource) for resource in plan.managed(*CLOUDS))


def _node(resource: ResourceChange) -> Node:
    cloud = CLOUDS[resource.type]
    values = resource.change.after if resource.change.after is not None else resource.change.before or {}
    tags = text_map(values, "tags_all") | text_map(values, "tags")
    region = text(values, "region") or text(values, "availability_zone")[:-1]
    is_cherry = cloud is Cloud.CHERRY
    return Node(
        resource=resource,
        cloud=cloud,
        values=values,
        size=text(values, "plan" if is_cherry else "instance_type"),
        region=REGION_NAMES.get(region, region),
        hostname=text(values, "hostname") if is_cherry else tags.get("Name", ""),
        role=tags.get("role", ""),
        image=text(values, "image" if is_cherry else "ami"),
        spot=flag(values, "spot_instance") if is_cherry else _is_spot(resource.type, values),
        tags=tags,
    )


def _is_spot(kind: str, values: Values) -> bool:
    options = blocks(values, "instance_market_options")
    return kind == "aws_spot_instance_request" or any(text(option, "market_type") == "spot" for option in options)


def spot_limit(values: Values) -> str:
    """The most that a spot machine of AWS may cost an hour, in dollars as written; "" where nothing limits it."""
    markets = blocks(values, "instance_market_options")
    options = (option for market in markets for option in blocks(market, "spot_options"))
    return next((limit for option in options if (limit := text(option, "max_price"))), text(values, "spot_price"))


def addresses_of(node: Node, kind: str) -> Iterator[tuple[str, str]]:
    """Address and network of a Cherry server's addresses of one type (`private-ip`, `primary-ip`)."""
    for address in blocks(node.values, "ip_addresses"):
        if text(address, "type") == kind:
            yield text(address, "address"), text(address, "cidr")
