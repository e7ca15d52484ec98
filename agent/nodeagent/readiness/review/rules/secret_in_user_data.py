"""Secrets in user data. It lies in the state, in the API, and on the machine in clear; whoever reads one has them.

What is found is never printed: its kind and its line are enough to find it.
"""

import re
from collections.abc import Iterator

from nodeagent.readiness.review.finding import Met, Rule, Severity, Situation
from nodeagent.readiness.review.user_data import File, files_of

_KINDS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("a private key", re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY")),
    ("a Solana keypair", re.compile(r"\[\s*(\d{1,3}\s*,\s*){63}\d{1,3}\s*\]")),
    ("an AWS access key", re.compile(r"\b(AKIA|ASIA)[0-9A-Z]{16}\b")),
    ("a GitHub token", re.compile(r"\b(gh[pousr]_\w{30,}|github_pat_\w{30,})")),
    ("a JSON web token", re.compile(r"\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]+")),
    ("a bearer token", re.compile(r"(?i)authorization:\s*(bearer|basic)\s+[\w+/=.-]{8,}")),
    ("a password in an address", re.compile(r"://[^/\s:@]+:[^/\s:@$]{3,}@")),
    ("a password hash", re.compile(r"\$(1|2[aby]|5|6|y)\$[./\w$=,]{8,}")),
    (
        "a password or token",
        re.compile(
            r"(?i)(?<![\w-])[\w-]*(password|passwd|passphrase|secret|token|api_?key|auth_?key|access_?key)"
            r"[\"']?\s*[:=]\s*[\"']?(?!/|\$[({]|\$\w|true\b|false\b|null\b)[^\s\"'<>]{6,}"
        ),
    ),
)
_LINE_LIMIT = 20_000


def _find(situation: Situation) -> Iterator[Met]:
    for node in situation.nodes:
        if not node.stays:
            continue
        for file in files_of(node):
            place = f"{file.path} in its user data" if file.path else "its user data"
            for kind, line in _secrets(file):
                yield Met(
                    address=node.address,
                    message=f"line {line} of {place} holds {kind}",
                    remedy="take it out, exchange it, and let the machine fetch it after it is up",
                )


def _secrets(file: File) -> Iterator[tuple[str, int]]:
    for number, line in enumerate(file.text.splitlines(), start=1):
        if kind := next((kind for kind, pattern in _KINDS if pattern.search(line[:_LINE_LIMIT])), None):
            yield kind, number


SECRET_IN_USER_DATA = Rule(
    id="NR-POLICY-006",
    name="secret-in-user-data",
    summary="User data holds no secret",
    severity=Severity.ERROR,
    find=_find,
)
