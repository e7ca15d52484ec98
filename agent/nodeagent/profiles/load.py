"""From the name of a profile to a Profile: as it was kept, or read, merged and typed from its files.

Reading and typing are in assembly.py and imported only when needed: a profile that is kept spares `tune verify` half of
its start.
"""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nodeagent.model.profile import Profile
from nodeagent.profiles.search import find

if TYPE_CHECKING:
    from nodeagent.profiles.layers import Layer


def load_profile(
    reference: str | Path,
    *,
    settings_types: Mapping[str, Any],
    search: Sequence[Path],
    benchmarks: Collection[str] = (),
    cache: Path | None = None,
    keep: bool = True,
) -> Profile:
    """The profile of a name or a path, typed; ProfileError with every fault of every file.

    `settings_types` maps each tunable to its Settings, `search` lists the directories in which names are looked up.
    `benchmarks` are the known ones, () for "don't check". `cache` is a directory in which the typed profile is kept
    for the next time (profiles/cache.py); None reads and types the files each time. Without `keep` an entry is used
    but none is made, for those who promise to write nothing.
    """
    from nodeagent.profiles.cache import Cache

    path = find(reference, search, what="profile")
    if cache is None:
        return _assemble(path, reference, settings_types, search, benchmarks)[0]
    kept = Cache(cache).of(path, search=search, settings_types=settings_types, benchmarks=benchmarks)
    profile = kept.get()
    if profile is None:
        profile, layers = _assemble(path, reference, settings_types, search, benchmarks)
        if keep:
            kept.put(profile, layers)
    return profile


def _assemble(
    path: Path,
    reference: str | Path,
    settings_types: Mapping[str, Any],
    search: Sequence[Path],
    benchmarks: Collection[str],
) -> "tuple[Profile, tuple[Layer, ...]]":
    from nodeagent.profiles.assembly import assemble

    return assemble(path, reference, settings_types, search, benchmarks)
