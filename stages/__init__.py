"""The pipeline's doors: each stage loads its params, calls one function of `tandem`, writes, logs one line.

`tandem` is the one beside the stages, whose files are their dependencies: an experiment in a copy of the project runs
the copy's code, although what is installed leads elsewhere.
"""

import inspect
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from tandem.errors import TandemError


def run(stage: Callable[..., str]) -> None:
    """Call a stage with the command line's words and print its line.

    What a user can mend ends as one message on stderr and exit code 1, without a traceback.
    """
    name = stage.__globals__["__spec__"].name.removeprefix("stages.")
    wanted = list(inspect.signature(stage).parameters)
    if len(sys.argv) - 1 != len(wanted):
        sys.exit(f"usage: python -m stages.{name} {' '.join(wanted).upper()}".rstrip())
    try:
        line = stage(*sys.argv[1:])
    except TandemError as error:
        sys.exit(f"{name}: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    if line:  # of several processes, one speaks for all
        print(f"{name}: {line}", flush=True)
