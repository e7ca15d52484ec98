"""YAML documents become Profile and Target; nothing here knows a tunable."""
