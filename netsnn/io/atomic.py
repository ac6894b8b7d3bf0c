"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import sys

from netsnn.errors import FileError
from netsnn.hints import PathLike

__all__ = ["check_target", "write_bytes"]


def write_bytes(data: bytes | memoryview, path: PathLike) -> None:
    """Write to a temporary file beside the target, flush it to the disk, and rename it; "-" is standard output."""
    if str(path) == "-":
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    temporary = None
    try:
        target = os.path.realpath(path)  # through a link, its target is replaced, not the link
        if os.path.exists(target) and not os.path.isfile(target):  # a pipe or /dev/null cannot be renamed over
            with open(target, "wb") as file:
                file.write(data)
            return
        if str(path).endswith(os.sep):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if os.path.exists(target):  # a rename asks the folder alone, not the file, which may be closed to us
            os.close(os.open(target, os.O_WRONLY))
        temporary = os.path.join(os.path.dirname(target), f".netsnn-{secrets.token_hex(8)}")
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)  # less the umask
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if os.path.exists(target):
            os.chmod(temporary, os.stat(target).st_mode & 0o777)
        os.replace(temporary, target)
        temporary = None
    except OSError as error:
        raise FileError(f"{path}: {error.strerror or error}") from None
    except ValueError as error:  # a zero byte in the path
        raise FileError(f"{str(path)!r}: {error}") from None
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):  # interrupted just before it is there, or after the rename; or there is no such folder
                os.unlink(temporary)


def check_target(path: PathLike) -> None:
    """Before long work whose result is to be written to `path`: a FileError if that would fail now."""
    if str(path) == "-":
        return
    try:
        target = os.path.realpath(path)
        folder = os.path.dirname(target)
        if os.path.isdir(target) or str(path).endswith(os.sep):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if os.path.isfile(target) or not os.path.exists(target):  # else it is a pipe or a device, and written directly
            if os.statvfs(os.path.join(folder, "")).f_flag & os.ST_RDONLY:
                raise OSError(errno.EROFS, os.strerror(errno.EROFS))
            if not all(os.access(place, os.W_OK) for place in (folder, target) if os.path.exists(place)):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise FileError(f"{path}: {error.strerror or error}") from None
    except ValueError as error:  # a zero byte in the path
        raise FileError(f"{str(path)!r}: {error}") from None
