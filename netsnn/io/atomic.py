"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
import sys

from netsnn.errors import FileError
from netsnn.hints import PathLike

__all__ = ["write_bytes"]


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
        name = os.path.join(os.path.dirname(target), f".netsnn-{secrets.token_hex(8)}")
        handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)  # less the umask
        temporary = name
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
            with contextlib.suppress(FileNotFoundError):  # interrupted just after the rename
                os.unlink(temporary)
