"""The home of a spool, `dcrlog-<uid>/`, and its locks, told apart from what others put in their place."""

import errno
import os
import stat
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from dcrlog.errors import ConfigError, ConfigWarning, shown

fcntl: Any
try:
    import fcntl
except ImportError:
    fcntl = None

OWNER: Final = "owner"
"""In an instance's directory: the file that it keeps locked."""
SUFFIX: Final = ".seg"

_MOUNTS: Final = Path("/proc/self/mountinfo")
_NETWORK: Final = frozenset(
    {"9p", "afs", "beegfs", "ceph", "cifs", "coda", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4"}
    | {"fuse.blobfuse", "fuse.blobfuse2", "fuse.ceph", "fuse.gcsfuse", "fuse.glusterfs", "fuse.s3fs"}
    | {"fuse.sshfs", "smb3", "smbfs"}
)
_READ: Final = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_LOCK: Final = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


class Lock:
    """A lock file that is held. The kernel gives it back at any kind of death.

    Args:
        path: The file.
        create: Whether it may be made.

    Raises:
        OSError: Somebody else has it, or it is no file of ours.
    """

    def __init__(self, path: Path, *, create: bool) -> None:
        self._path = path
        self._descriptor = -1
        self._descriptor = os.open(path, _LOCK | (os.O_CREAT if create else 0), 0o600)
        try:
            self._status = os.fstat(self._descriptor)
            if not _is_own(self._status, stat.S_ISREG):
                raise OSError(errno.EPERM, "its lock is no file of this user")
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever had it before may have removed it since it was opened.
            if not os.path.samestat(self._status, os.lstat(path)):
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        except BaseException:
            os.close(self._descriptor)
            self._descriptor = -1
            raise

    @property
    def is_held(self) -> bool:
        """Whether it is open still, and the file where others look for it.

        Raises:
            OSError: The disk fails, and nobody can tell.
        """
        try:
            return self._is_open and os.path.samestat(self._status, os.lstat(self._path))
        except (FileNotFoundError, NotADirectoryError):
            return False

    def moved(self, path: Path) -> None:
        """Say where the file is now."""
        self._path = path

    def release(self) -> None:
        """Let go of it; in a forked child only of the child's share."""
        # An application that closes every descriptor, as daemons do, may have opened another by this number.
        if self._is_open:
            with suppress(OSError):
                os.close(self._descriptor)
        self._descriptor = -1

    def __del__(self) -> None:
        # Of a handler that was never closed, or whose last rows came after that.
        self.release()

    @property
    def _is_open(self) -> bool:
        try:
            return self._descriptor >= 0 and os.path.samestat(self._status, os.fstat(self._descriptor))
        except OSError:
            return False


def home_of(spool_dir: Path) -> Path:
    """Return this user's own directory in a spool's."""
    return spool_dir / f"dcrlog-{os.geteuid()}"


def prepare(spool_dir: Path) -> Path:
    """Make the spool's own directory, and return it.

    Warns:
        ConfigWarning: It is on a network file system.

    Raises:
        ConfigError: It cannot be made, is somebody else's, or this system has no `fcntl`.
    """
    if fcntl is None:
        raise ConfigError(
            f"spool_dir={shown(str(spool_dir))}: the spool needs file locks of the module fcntl, which this "
            "system does not have. Leave the option out; rows then wait in memory, within capacity."
        )
    home = home_of(spool_dir)
    try:
        prepare_home(home)
    except OSError as error:
        raise ConfigError(
            f"spool_dir={shown(str(spool_dir))}: {home} cannot be used: {error.strerror}. Give a directory "
            "in which this user may make one of its own."
        ) from None
    kind = network_file_system(home)
    if kind is not None:
        warnings.warn(
            f"spool_dir={shown(str(spool_dir))} is on a network file system ({kind}). Its locks may not hold "
            "between machines, and a logging call waits while its server is away. Give a local disk.",
            ConfigWarning,
            stacklevel=2,
        )
    return home


def prepare_home(home: Path) -> None:
    """Make the directory, or see that it is ours and nobody else's.

    Raises:
        OSError: It cannot be made, or belongs to another user, or others may write there.
    """
    with suppress(FileExistsError):
        home.parent.mkdir(parents=True, exist_ok=True)
        home.mkdir(0o700)
    status = os.lstat(home)
    if (
        stat.S_ISDIR(status.st_mode)
        and status.st_uid == os.geteuid()
        and status.st_mode & 0o077 in _BY_FSGROUP
    ):
        # Kubernetes gives a volume's group access to all that is in it, each time that it mounts it.
        home.chmod(0o700)
    check_home(home)


_BY_FSGROUP: Final = frozenset({0o010, 0o020, 0o030, 0o040, 0o050, 0o060, 0o070})


def check_home(home: Path) -> None:
    """See that the directory is ours and nobody else's.

    Raises:
        OSError: It is not, or not there.
    """
    status = os.lstat(home)
    check_own(status, "it")
    if status.st_mode & 0o077:
        raise OSError(errno.EPERM, f"others have access to it (mode {stat.S_IMODE(status.st_mode):04o})")


def check_own(status: os.stat_result, what: str) -> None:
    """See that a directory is this user's, and no link to one.

    Who else has access to it does not matter in our home, to which nobody has.

    Args:
        status: What the system says of it.
        what: What an error calls it.

    Raises:
        OSError: It is not.
    """
    if not stat.S_ISDIR(status.st_mode):
        raise OSError(errno.ENOTDIR, f"{what} is no directory")
    if status.st_uid != os.geteuid():
        raise OSError(errno.EPERM, f"{what} belongs to user {status.st_uid}")


def read_own(path: Path | str, most: int, *, directory: int | None = None) -> tuple[bytes, int]:
    """Read a file of this user, and nothing that only looks like one: no link, no device, nothing that waits.

    Args:
        path: The file.
        most: Bytes to read at most.
        directory: An open directory that the path begins at.

    Returns:
        Its first bytes, and how many it has.

    Raises:
        OSError: It cannot be read, or is no file, or is somebody else's.
    """
    descriptor = os.open(path, _READ, dir_fd=directory)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not _is_own(status, stat.S_ISREG):
            raise OSError(errno.EPERM, "it is no file of this user")
        return file.read(most), status.st_size


def remove_instance(directory: Path) -> None:
    """Remove an instance's directory, if nothing but its owner file is left in it."""
    # What else is there is not ours: the directory stays then, with its owner file.
    with suppress(OSError):
        if [path.name for path in directory.iterdir()] == [OWNER]:
            (directory / OWNER).unlink()
            directory.rmdir()


def network_file_system(directory: Path, mounts: Path = _MOUNTS) -> str | None:
    """Return the kind of the network file system that a directory is on; None where it is on none.

    Args:
        directory: The directory.
        mounts: What the kernel has mounted, in the form of `/proc/self/mountinfo`.
    """
    try:
        device, lines = directory.stat().st_dev, mounts.read_text(errors="replace").splitlines()
    except OSError:
        return None
    for line in lines:
        # 36 35 98:0 /root /mount/point options - type source options
        before, _, after = line.partition(" - ")
        numbers, kind = before.split()[2:3], after.split()[:1]
        if numbers == [f"{os.major(device)}:{os.minor(device)}"] and kind and kind[0] in _NETWORK:
            return kind[0]
    return None


def _is_own(status: os.stat_result, is_kind: Any) -> bool:
    return bool(is_kind(status.st_mode)) and status.st_uid == os.geteuid()
