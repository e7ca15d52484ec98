"""Every tunable, in the order they run: what makes objects comes before what sets them.

To add one: its file here, its line below, its cases in tests/plans/<name>/, its page in docs/tunables/.
"""

from nodeagent.tune.tunable import AnyTunable

TUNABLES: tuple[AnyTunable, ...] = ()
