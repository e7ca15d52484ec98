"""What the executable in the mirror runs: `launch.py NAME IDENTITY`. Imports only the one provider it is to be."""

import importlib
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[3]))
    from tests.terraform.provider.serve import serve

    _, name, identity = sys.argv
    serve(importlib.import_module(f"tests.terraform.provider.{name}").PROVIDER, identity=Path(identity))
