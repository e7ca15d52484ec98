"""The house rules of a plan review, in the order in which they are told: the plan, its cost, its network, its policy.

To add one: its file here, its line below, its heading in docs/findings/NR-*.md.
"""

from nodeagent.readiness.review.finding import Rule
from nodeagent.readiness.review.rules.budget import BUDGET
from nodeagent.readiness.review.rules.cheaper_cycle import CHEAPER_CYCLE
from nodeagent.readiness.review.rules.failed_check import FAILED_CHECK
from nodeagent.readiness.review.rules.frame_size import FRAME_SIZE
from nodeagent.readiness.review.rules.machine_ends import MACHINE_ENDS
from nodeagent.readiness.review.rules.missing_tags import MISSING_TAGS
from nodeagent.readiness.review.rules.node_counts import NODE_COUNTS
from nodeagent.readiness.review.rules.one_region import ONE_REGION
from nodeagent.readiness.review.rules.parallelism import PARALLELISM
from nodeagent.readiness.review.rules.plan_whole import PLAN_WHOLE
from nodeagent.readiness.review.rules.price_list_old import PRICE_LIST_OLD
from nodeagent.readiness.review.rules.price_made_up import PRICE_MADE_UP
from nodeagent.readiness.review.rules.price_unknown import PRICE_UNKNOWN
from nodeagent.readiness.review.rules.public_exposure import PUBLIC_EXPOSURE
from nodeagent.readiness.review.rules.region_name import REGION_NAME
from nodeagent.readiness.review.rules.same_address import SAME_ADDRESS
from nodeagent.readiness.review.rules.same_hostname import SAME_HOSTNAME
from nodeagent.readiness.review.rules.secret_in_user_data import SECRET_IN_USER_DATA
from nodeagent.readiness.review.rules.spot_in_production import SPOT_IN_PRODUCTION
from nodeagent.readiness.review.rules.state_lock import STATE_LOCK
from nodeagent.readiness.review.rules.stateful_destroyed import STATEFUL_DESTROYED
from nodeagent.readiness.review.rules.stateful_reinstalled import STATEFUL_REINSTALLED
from nodeagent.readiness.review.rules.unpinned_image import UNPINNED_IMAGE
from nodeagent.readiness.review.rules.unpinned_provider import UNPINNED_PROVIDER
from nodeagent.readiness.review.rules.validator_gate import VALIDATOR_GATE

RULES: tuple[Rule, ...] = (
    PLAN_WHOLE,
    FAILED_CHECK,
    BUDGET,
    PRICE_UNKNOWN,
    PRICE_MADE_UP,
    PRICE_LIST_OLD,
    CHEAPER_CYCLE,
    MACHINE_ENDS,
    PUBLIC_EXPOSURE,
    ONE_REGION,
    REGION_NAME,
    SAME_HOSTNAME,
    SAME_ADDRESS,
    FRAME_SIZE,
    NODE_COUNTS,
    VALIDATOR_GATE,
    MISSING_TAGS,
    STATEFUL_DESTROYED,
    STATEFUL_REINSTALLED,
    UNPINNED_IMAGE,
    UNPINNED_PROVIDER,
    SECRET_IN_USER_DATA,
    STATE_LOCK,
    PARALLELISM,
    SPOT_IN_PRODUCTION,
)
