"""The errors whose message is all that the user needs."""


class InputError(ValueError):
    """Input that cannot be used, with one sentence per problem.

    Parameters
    ----------
    problems : str or list of str
        Sentences that say what is wrong and what to do.
    """

    def __init__(self, problems):
        self.problems = [problems] if isinstance(problems, str) else list(problems)
        super().__init__("\n".join(self.problems))


class DownloadError(RuntimeError):
    """A file could not be fetched or kept; the message says why and what to do."""


class NotApplicable(Exception):
    """Raised by a check that finds the data rule it out; says why."""


class NotMeasured(Exception):
    """Raised by a check that tried and failed for a known reason; says why."""
