"""The folder of uploads that have not reached the service yet. It is the only state there is:
a file that lies here is to be moved, whatever a task queue or a database says.

    files/KEY     waiting; the only copy
    deleted/KEY   deleted while it waited; removed once it is certain that the service does not
                  have it; until then a new file of that name is not moved
    moved/…       arrived; kept for a while for those who are reading it
    drafts/…      being written; not acknowledged yet
    lock          held while a file gets or loses its name, for no longer than that takes

A file gets its name by link(2) once all its bytes are on the disk, and changes its state by
rename(2). So a process may end at any point, and another one continues from what it finds. A
process that moves or buries a file holds a lock on it, which ends with the process.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final, Literal

from django.core.exceptions import ImproperlyConfigured, SuspiciousFileOperation
from django.core.files import locks

from ..api.client import Client
from ..conf import settings
from ..keys import check_key

Outcome = Literal["moved", "deleted", "busy", "gone"]

#: How long moved files are kept: a download may still be reading one, and on a network file system
#: an open file does not always outlive its name.
KEEP_MOVED_SECONDS: Final = 3600
#: How long the service may still work on a request of a process that was killed.
SETTLE_SECONDS: Final = 60
#: Older drafts belong to a process that has ended.
KEEP_DRAFTS_SECONDS: Final = 24 * 3600


class DeferredFolder:
    def __init__(self, root: Path) -> None:
        self.root = root

    def check_root(self) -> None:
        """The folder is never created here: if it is missing, a volume is not mounted, and the disk
        below is not durable."""
        if not self.root.is_dir():
            raise FileNotFoundError(
                errno.ENOENT, "DEFERRED_ROOT is missing; mount it, or make it", str(self.root)
            )

    def path(self, key: str) -> Path:
        """The path of a file that is not moved yet."""
        return self._place("files", key)

    def stat(self, key: str) -> os.stat_result | None:
        """The status of a file that is not moved yet; None if there is none."""
        return _stat(self.path(key))

    def is_deleted(self, key: str) -> bool:
        return _stat(self._place("deleted", key)) is not None

    def listdir(self, key: str) -> tuple[set[str], set[str], set[str]]:
        """The folders and files in a folder, '' for the root, and the deleted files."""
        waiting, graves = (
            self._place(place, key) if key else self.root / place for place in ("files", "deleted")
        )
        folders, files = _entries(waiting)
        return folders, files, _entries(graves)[1] - files

    def keys(self, on_error: Callable[[OSError], object]) -> Iterator[str]:
        """All files that are not moved yet, or were deleted and are not done with. Folders that
        cannot be read are skipped; their errors are reported."""
        for place in ("deleted", "files"):
            yield from _walk(self.root / place, on_error)

    def add(self, key: str, chunks: Iterable[bytes | str]) -> None:
        """Stores a new file. It survives a power cut once this returns."""
        check_key(key)
        with self.draft(chunks) as draft:
            self.place(draft, key)

    @contextmanager
    def draft(self, chunks: Iterable[bytes | str]) -> Iterator[Path]:
        """A complete file without a name."""
        self._make(self.root / "drafts")
        draft = self.root / "drafts" / uuid.uuid4().hex
        try:
            with draft.open("xb") as file:
                for chunk in chunks:
                    file.write(chunk.encode() if isinstance(chunk, str) else chunk)
                file.flush()
                os.fsync(file.fileno())
            yield draft
        finally:
            draft.unlink(missing_ok=True)

    def place(self, draft: Path, key: str) -> None:
        """Gives a draft its name. Raises FileExistsError if the name is taken, or if a deleted file
        of this name is still being moved: its mover would mistake this one for it."""
        # Later nobody could choose another name.
        check_key(key)
        target = self.path(key)
        try:
            self._make(target.parent)
        except NotADirectoryError as error:
            raise FileExistsError(error.errno, "a part of the name is a file", key) from None
        with self._naming():
            with _locked(self._place("deleted", key)) as file:
                if file == "busy":
                    raise FileExistsError(errno.EEXIST, "was deleted while it is moved", key)
            os.link(draft, target)
        _sync_folder(target.parent)

    def discard(self, key: str) -> bool:
        """Deletes a file that is not moved yet; False if there is none."""
        grave = self._place("deleted", key)
        if self.stat(key) is None:
            return False
        self._make(grave.parent)
        with self._naming():
            try:
                self.path(key).rename(grave)
            except FileNotFoundError:
                # Moved or deleted by another process since.
                return False
        _sync_folder(grave.parent)
        return True

    def move(self, key: str, client: Client) -> Outcome:
        """Moves a file to the service, or continues what another process has begun.

        Raises what the client raises; FileExistsError if other bytes have the key there. The file
        then stays.
        """
        if self.is_deleted(key):
            return self.bury(key, client)
        path = self.path(key)
        with _locked(path) as file:
            if not isinstance(file, str) and self.is_deleted(key):
                # A later file of the same name, which waits for its turn.
                return "busy"
            if not isinstance(file, str):
                try:
                    client.put(key, file, length=os.fstat(file.fileno()).st_size)
                except FileExistsError:
                    # Perhaps uploaded by an attempt whose process ended before the response.
                    if _sha256_in_service(client, key) != _sha256(file):
                        raise
                self._make(self.root / "moved")
                with self._naming():
                    if _has_name(file, path):
                        path.rename(self.root / "moved" / uuid.uuid4().hex)
                        return "moved"
                # Deleted meanwhile: see below, once the lock is free.
            elif file == "busy":
                return "busy"
        return self.bury(key, client) if self.is_deleted(key) else "gone"

    def bury(self, key: str, client: Client) -> Outcome:
        """Makes sure that a file that was deleted before its move is not in the service either."""
        grave = self._place("deleted", key)
        with _locked(grave) as file:
            if isinstance(file, str):
                return "busy" if file == "busy" else "gone"
            with suppress(FileNotFoundError):
                record = client.record(key)
                if record.sha256 == _sha256(file):
                    client.delete(key, if_match=record.etag)
            if _age(grave) < SETTLE_SECONDS:
                return "busy"
            grave.unlink()
            return "deleted"

    def sweep(self) -> None:
        """Removes old drafts and moved files."""
        for place, seconds in (("moved", KEEP_MOVED_SECONDS), ("drafts", KEEP_DRAFTS_SECONDS)):
            for name in _walk(self.root / place, lambda _: None):
                with suppress(FileNotFoundError):
                    if _age(self.root / place / name) > seconds:
                        (self.root / place / name).unlink()

    @contextmanager
    def _naming(self) -> Iterator[None]:
        """Keeps names as they are for everyone else: otherwise a file that comes and one that goes,
        both of one name, could be taken for each other."""
        with (self.root / "lock").open("ab") as file:
            locks.lock(file, locks.LOCK_EX)
            yield

    def _make(self, folder: Path) -> None:
        """Creates a folder and its parents durably."""
        if folder.is_dir():
            return
        if folder == self.root:
            self.check_root()
        self._make(folder.parent)
        with suppress(FileExistsError):
            folder.mkdir()
        if not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "is not a folder", str(folder))
        _sync_folder(folder.parent)

    def _place(self, place: str, key: str) -> Path:
        if any(segment in ("", ".", "..") for segment in key.split("/")) or "\0" in key:
            raise SuspiciousFileOperation(f"key {key[:200]!r} is not a path of names")
        return self.root / place / key


def folder() -> DeferredFolder:
    """The folder of the settings in force."""
    root = settings().deferred_root
    if root is None:
        raise ImproperlyConfigured(
            "DeferredTintypeStorage needs TINTYPE['DEFERRED_ROOT'], the absolute path of a folder "
            "that is shared and durable"
        )
    return DeferredFolder(root)


@contextmanager
def _locked(path: Path) -> Iterator[IO[bytes] | Literal["busy", "gone"]]:
    """The file, locked, or why not. It must still have this name once it is locked."""
    try:
        # Writable, as locks on network file systems require.
        file = path.open("r+b")
    except (FileNotFoundError, NotADirectoryError):
        yield "gone"
        return
    with file:
        if not locks.lock(file, locks.LOCK_EX | locks.LOCK_NB):
            yield "busy"
            return
        yield file if _has_name(file, path) else "gone"


def _has_name(file: IO[bytes], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except (FileNotFoundError, NotADirectoryError):
        return False


def _sha256(file: IO[bytes]) -> str:
    file.seek(0)
    digest = hashlib.sha256()
    while chunk := file.read(1 << 20):
        digest.update(chunk)
    return digest.hexdigest()


def _sha256_in_service(client: Client, key: str) -> str | None:
    try:
        return client.record(key).sha256
    except FileNotFoundError:
        return None


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError as error:
        # The name cannot exist here. Any other error is a disk fault and says nothing about the
        # name.
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG):
            return None
        raise


def _entries(folder: Path) -> tuple[set[str], set[str]]:
    folders: set[str] = set()
    files: set[str] = set()
    found = _stat(folder)
    if found is not None and stat.S_ISDIR(found.st_mode):
        for entry in os.scandir(folder):
            (folders if entry.is_dir() else files).add(entry.name)
    return folders, files


def _walk(folder: Path, on_error: Callable[[OSError], object]) -> Iterator[str]:
    def tell(error: OSError) -> None:
        # Nothing has been deferred yet.
        if not isinstance(error, FileNotFoundError):
            on_error(error)

    for at, _, names in os.walk(folder, onerror=tell):
        for name in names:
            yield (Path(at) / name).relative_to(folder).as_posix()


def _age(path: Path) -> float:
    # A rename counts as a change.
    return time.time() - path.stat().st_ctime


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
