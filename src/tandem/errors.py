"""The one error type for what a user can mend."""

_STEERING = (*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_ESCAPES = {number: repr(chr(number))[1:-1] for number in _STEERING if chr(number) not in "\n\t"}


class TandemError(ValueError):
    """A user's mistake or a machine's limit: says what was found, what was expected, where, and what to do.

    The doors (stages and the command line) print it as one line and exit with 1. What it cites of a file cannot steer
    the terminal: control characters, and those that turn the direction of writing, stand in it as escapes.
    """

    def __str__(self) -> str:
        """The message, printable."""
        return super().__str__().translate(_ESCAPES)
