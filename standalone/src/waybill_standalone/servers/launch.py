"""Runs between a child's start and its program: ties it to its parent's life and gives up root where the program must.

Called by path, with the standard library alone, so that it costs some milliseconds and no memory: it is replaced by the
program. A `preexec_fn` would do the same inside a process with threads, which is not safe.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_PR_SET_KEEPCAPS = 8
_PR_SET_SECUREBITS = 28
_SECURE_NO_SETUID_FIXUP = 4
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CAP_DAC_OVERRIDE = 1
_CAPABILITY_VERSION_3 = 0x20080522


def main(arguments: list[str]) -> None:
    """`PARENT_PID SIGNAL UID GID PROGRAM ARG…`: become PROGRAM, as user UID unless it is -1.

    PROGRAM gets SIGNAL when the process PARENT_PID ends.
    """
    parent, death_signal, uid, gid = (int(argument) for argument in arguments[:4])
    program = arguments[4:]
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if uid >= 0:
            _become(libc, uid, gid)
        libc.prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
    elif uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    os.umask(0o077)
    if os.getppid() != parent:  # it ended before the line above could tie us to it
        sys.exit(1)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.execv(program[0], program)  # noqa: S606 - the caller names the program


def _become(libc: ctypes.CDLL, uid: int, gid: int) -> None:
    """Change the user and keep one capability: to pass folders such as /root on the way to its own files."""
    libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0)
    libc.prctl(_PR_SET_SECUREBITS, _SECURE_NO_SETUID_FIXUP, 0, 0, 0)  # else access(2) would not count the capability
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    bit = 1 << _CAP_DAC_OVERRIDE
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    sets = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)  # effective, permitted, inheritable; then the upper halves
    if libc.capset(header, sets) == 0:
        libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE, 0, 0)
    # Where the machine grants no such capability, the program itself says which folder it cannot enter.


if __name__ == "__main__":
    main(sys.argv[1:])
