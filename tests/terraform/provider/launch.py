"""The program of a plugin: `launch.py NAME IDENTITY` for one Terraform, `launch.py NAME` for many (`resident`).

It imports only the one provider that it is to be.
"""

import importlib
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[3]))
    from tests.terraform.provider.serve import serve, serve_many

    _, name, *identity = sys.argv
    provider = importlib.import_module(f"tests.terraform.provider.{name}").PROVIDER
    if identity:
        serve(provider, identity=Path(identity[0]))
    else:
        serve_many(provider)
