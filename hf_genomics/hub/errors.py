"""The one error of exporting and uploading: everything that is wrong, each with its remedy."""

from collections.abc import Iterable


class PublishingError(ValueError):
    """What has to be mended before a repository can be published; nothing was sent.

    Args:
        what: the folder or repository, and what was tried.
        problems: one line each.
    """

    def __init__(self, what: str, problems: Iterable[str] = ()):
        self.problems = list(problems)
        super().__init__("\n  - ".join([what, *self.problems]))
