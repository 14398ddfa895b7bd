"""The one error type for what a user can mend."""


class TandemError(ValueError):
    """A user's mistake or a machine's limit: says what was found, what was expected, where, and what to do.

    The doors (stages and the command line) print it as one line and exit with 1.
    """
