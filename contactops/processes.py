"""Processes that end with their parent, and that run as somebody less than root."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None

# From <linux/prctl.h> and <linux/capability.h>.
PR_SET_PDEATHSIG, PR_SET_KEEPCAPS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 1, 8, 47, 2
CAP_DAC_OVERRIDE, CAPABILITY_VERSION_3 = 1, 0x20080522


def die_with_parent(number: int = signal.SIGKILL) -> None:
    """Have the kernel send this process a signal when the process that started it has died (Linux only)."""
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)


def bound_to_this_process(number: int = signal.SIGKILL) -> Callable[[], None]:
    """A `preexec_fn` for a child that must not outlive us. Start it from the main thread: the bond is the thread's."""
    parent = os.getpid()

    def in_child() -> None:
        die_with_parent(number)
        if os.getppid() != parent:  # we died before the kernel knew of the wish
            os._exit(1)

    return in_child


def become(uid: int, gid: int, *, pass_closed_directories: bool) -> None:
    """Stop being root. With the option, only the power to pass closed directories, such as root's home, is kept."""
    if pass_closed_directories and _libc is not None:
        _libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    if pass_closed_directories and _libc is not None:
        bit = 1 << CAP_DAC_OVERRIDE
        header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
        effective_permitted_inheritable = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)
        _libc.capset(header, effective_permitted_inheritable)
        _libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0)


def is_open_to_all(path: Path) -> bool:
    """Whether any user may pass the directories above this path."""
    return all(parent.stat().st_mode & 0o001 for parent in path.parents)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's, but there
        return True
    return True
