"""The version, written once.

`setup.cfg` reads it as `attr:` and the command line imports it. Asking the installed metadata instead
(`importlib.metadata`) costs more than the interpreter's whole start.
"""

VERSION = "0.1.0"
