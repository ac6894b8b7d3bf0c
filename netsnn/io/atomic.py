"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import sys
import tempfile

from netsnn.errors import FileError

__all__ = ["write_bytes"]


def write_bytes(data: bytes, path) -> None:
    """Write to a temporary file beside the target, flush it to the disk, and rename it; "-" is standard output."""
    if str(path) == "-":
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    target = os.path.realpath(path)  # through a link, its target is replaced, not the link
    temporary = None
    try:
        if os.path.exists(target) and not os.path.isfile(target):  # a pipe or /dev/null cannot be renamed over
            with open(target, "wb") as file:
                file.write(data)
            return
        handle, temporary = tempfile.mkstemp(dir=os.path.dirname(target), prefix=f".{os.path.basename(target)}.")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, os.stat(target).st_mode & 0o777 if os.path.exists(target) else 0o666 & ~mask)
        os.replace(temporary, target)
        temporary = None
    except OSError as error:
        raise FileError(f"{path}: {error.strerror or error}") from None
    finally:
        if temporary is not None:
            os.unlink(temporary)
