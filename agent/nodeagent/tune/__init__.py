"""The tuning engine: plan, apply, verify, confirm, roll back. It knows Change, never a tunable."""
