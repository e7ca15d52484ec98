"""An image without a version: two servers that are made a month apart would differ."""

import re
from collections.abc import Iterator

from nodeagent.readiness.review.finding import Met, Rule, Severity, Situation
from nodeagent.readiness.review.node import Cloud
from nodeagent.readiness.review.plan import Fate, unknown

_VERSIONED = re.compile(r"\d")
_AMI = re.compile(r"ami-[0-9a-f]{8,17}")


def _find(situation: Situation) -> Iterator[Met]:
    for node in situation.nodes:
        if node.fate not in (Fate.CREATE, Fate.REPLACE):
            continue
        late = unknown(node.resource, "image" if node.cloud is Cloud.CHERRY else "ami")
        if not node.image and (node.cloud is Cloud.CHERRY or not late):
            yield Met(
                address=node.address,
                message="no image is named, so the seller chooses one",
                remedy='name one with its version, such as image = "debian_12_64bit"',
            )
        elif node.image and not (_VERSIONED if node.cloud is Cloud.CHERRY else _AMI).search(node.image):
            yield Met(
                address=node.address,
                message=f"image {node.image!r} carries no version",
                remedy="name one with its version; the plan's `softwares` lists them",
            )


UNPINNED_IMAGE = Rule(
    id="NR-POLICY-004",
    name="unpinned-image",
    summary="Every machine names its image, with a version",
    severity=Severity.ERROR,
    find=_find,
)
