"""nodeagent's own speed, each figure beside what it is fairly compared with, both measured in one run.

To add one: its file here with an object of the shape `figure.Figure`, and its line below.
"""

from tests.bench.figure import Figure
from tests.bench.iops import IOPS
from tests.bench.plan import PLAN
from tests.bench.serve import SERVE
from tests.bench.start import START

FIGURES: tuple[Figure, ...] = (START, PLAN, IOPS, SERVE)
