"""YAML documents become Profile and Target; nothing here knows a tunable."""

from nodeagent.profiles.load import load_profile
from nodeagent.profiles.search import default_search

__all__ = ["default_search", "load_profile"]
