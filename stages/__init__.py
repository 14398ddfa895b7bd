"""The pipeline's doors: each stage loads its params, calls one function of `tandem`, writes, logs one line."""

import inspect
import sys
from collections.abc import Callable

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
