"""The exceptions that netsnn raises about files and studies (about arguments it raises ValueError)."""

__all__ = ["FileError", "NetsnnError", "ShortfallWarning", "StudyError"]


class NetsnnError(Exception):
    """The family: catch this to catch every error about a file or a study."""


class FileError(NetsnnError):
    """A file that cannot be read or written: one line with the file, the place in it and the reason."""


class StudyError(NetsnnError):
    """A study that cannot run or go on: one line with what is wrong."""


class ShortfallWarning(UserWarning):
    """Fewer candidates than asked for: the result is shorter than the caller may expect."""
