"""Why a command cannot go on, each reason with its exit status."""

import click

OK, FOUND, USAGE, UNREACHABLE, REFUSED = range(5)


class UnreachableError(click.ClickException):
    """Something that the command needs does not answer, or is not named."""

    exit_code = UNREACHABLE


class UnknownError(click.ClickException):
    """What was named on the command line does not exist."""

    exit_code = USAGE


class RefusedError(click.ClickException):
    """A service answered that it will not do this: the account may not, or the state does not allow it."""

    exit_code = REFUSED
