"""The previous versions of a file, compressed, in the directory ``<path>.archive``."""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Callable
from contextlib import suppress

from confobjects import inputs
from confobjects.errors import ConfobjectsError
from confobjects.storage.files import translate_errors
from confobjects.storage.own_files import PRIVATE, give_to_owner, open_own_directory, read_own
from confobjects.storage.replacing import CREATE, temporary_name
from confobjects.texts.numbers import read_number


def directory_of(path: str) -> str:
    """Return the directory with the previous versions of a file."""
    return path + ".archive"


def archive(path: str, data: bytes) -> str:
    """Store ``data``, the content to be replaced, compressed in ``<path>.archive``, and return the path."""
    directory = directory_of(path)
    now = time.time_ns()
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime(now // 10**9)) + f".{now % 10**9:09d}Z"
    temporary = temporary_name(directory)
    with (
        open_own_directory(directory, path) as folder,
        translate_errors("archive the previous version", directory),
    ):
        number = max((sequence for sequence, _ in list_archives(path)), default=0) + 1
        name = os.path.join(directory, f"{os.path.basename(path)}.{stamp}.{number}.gz")
        descriptor = os.open(temporary, CREATE, PRIVATE)
        try:
            with open(descriptor, "wb") as file:
                file.write(zlib.compress(data, 1, wbits=31))  # 31: with a gzip header, so that zcat can read it
                file.flush()
                give_to_owner(descriptor, path)
                os.fsync(descriptor)
            os.replace(temporary, name)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise
        os.fsync(folder)
    return name


def list_archives(path: str) -> list[tuple[int, str]]:
    """Return the archives of a file, the oldest first: the sequence number of each, 0 for one without, and its name."""
    start, end = os.path.basename(path) + ".", ".gz"
    found = []
    for name in os.listdir(directory_of(path)):
        if name.startswith(start) and name.endswith(end):
            number = name.removesuffix(end).rpartition(".")[2]
            found.append((read_number(number) or 0, name))
    return sorted(found)


def remove_stale(path: str, is_stale: Callable[[bytes], bool], *, dry_run: bool = False) -> tuple[list[str], list[str]]:
    """Remove the archives of a file whose content a function rejects; return their paths, and those of unreadable ones.

    The caller must hold the lock of the file.
    """
    directory = directory_of(path)
    stale: list[str] = []
    unreadable: list[str] = []
    with open_own_directory(directory, path) as folder, translate_errors("remove archives", directory):
        for _, name in list_archives(path):
            place = os.path.join(directory, name)
            try:
                found = is_stale(_unpack(read_own(place, path) or b""))
            except (ConfobjectsError, zlib.error, EOFError):
                unreadable.append(place)
                continue
            if found:
                stale.append(place)
                if not dry_run:
                    os.unlink(place)
        os.fsync(folder)
    return stale, unreadable


def _unpack(data: bytes) -> bytes:
    """Return the content of an archive, which has at most the size of a configuration."""
    made = zlib.decompressobj(wbits=31)
    found = made.decompress(data, inputs.LARGE)
    if not made.eof:
        message = "the archive is cut off, or too large"
        raise EOFError(message)
    return found


def remove_leftover(path: str) -> None:
    """Remove the version that a killed writer has not archived completely. The caller must hold the lock of the file."""
    with suppress(OSError):  # if it cannot be removed, the write fails later with the reason
        os.unlink(temporary_name(directory_of(path)))


def prune(path: str, keep: int, newest: str) -> None:
    """Remove the oldest archives of a file, by their sequence, until ``keep`` are left, but never ``newest``.

    The clock does not decide which is the oldest: it may have run ahead once.
    """
    directory = directory_of(path)
    with translate_errors("remove old archives", directory):
        names = [name for _, name in list_archives(path)]
        for name in names[:-keep] if keep else names:
            if name != os.path.basename(newest):
                os.unlink(os.path.join(directory, name))
