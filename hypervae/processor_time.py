"""A limit of processor time is told before the system kills for it; what a quota of it allows."""

from __future__ import annotations

import resource
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from hypervae.limits import LimitReached, within

DECIDES_RESULTS_OF = ()  # see `hypervae.digest`

# Of the seconds of processor time that are left when the limit is about to kill: for saving.
_LEFT, _LEFT_SHARE = 30, 0.1
# Of a limit of a second, of which none is left to be told in; one call to a library may be long.
_LAST = 0.5


class TimeIsUp(LimitReached):
    """So little processor time is left that the process has to end at once."""


@contextmanager
def told_before_killed() -> Iterator[None]:
    """Have a limit of processor time (``ulimit -t``) raise `LimitReached` before it kills.

    Shells set the limit at which the system tells a process and that at which it kills it to the
    same value, and then only the latter counts.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
    if hard == soft == resource.RLIM_INFINITY:
        yield
        return
    if hard != resource.RLIM_INFINITY:
        early = max(hard - max(min(_LEFT, int(_LEFT_SHARE * hard)), 1), 1)
        if not within(early, soft):
            early = soft
        resource.setrlimit(resource.RLIMIT_CPU, (early, hard))

    def stop(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGXCPU, signal.SIG_IGN)  # it comes again each second
        raise TimeIsUp(_processor_time())

    before = signal.signal(signal.SIGXCPU, stop)
    timed = signal.signal(signal.SIGPROF, stop)
    if resource.getrlimit(resource.RLIMIT_CPU) == (hard, hard):
        # limits are whole seconds, and here the system tells and kills in one
        signal.setitimer(signal.ITIMER_PROF, max(_LAST * hard - time.process_time(), 0.01))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, timed)
        if signal.getsignal(signal.SIGXCPU) is not signal.SIG_IGN:  # else it would end what is left
            resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))
            signal.signal(signal.SIGXCPU, before)


def _processor_time() -> str:
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    return f"processor time (ulimit -t): found a limit of {hard} s, expected a larger one"


def quota(system: Path = Path("/")) -> float | None:
    """How many processors' time a container or a job may use, perhaps less than one.

    Nothing waits by it, and nothing is refused: what it slows down runs on.

    Parameters
    ----------
    system : Path
        Root of the file system, with the control groups of this process in proc/self/cgroup and
        their files in sys/fs/cgroup (man 7 cgroups).

    Returns
    -------
    float, optional
        The least of all groups around this process; None where there is no quota.
    """
    root = system / "sys/fs/cgroup"
    try:
        lines = (
            (system / "proc/self/cgroup").read_text(encoding="utf-8", errors="replace").splitlines()
        )
    except OSError:  # not Linux
        return None
    found = []
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        if controllers and "cpu" not in controllers.split(","):
            continue
        top = root / controllers if controllers else root
        place = top / group.lstrip("/")
        while top in (place, *place.parents):  # of a container, those outside are not seen
            found += [_of_group(place)]
            place = place.parent
    return min((one for one in found if one is not None), default=None)


def _of_group(place: Path) -> float | None:
    """The quota of one group, in the files of either version of the kernel's interface."""
    files = [place / "cpu.max"]
    if not files[0].exists():
        files = [place / "cpu.cfs_quota_us", place / "cpu.cfs_period_us"]
    try:
        allowed, period = (float(x) for file in files for x in file.read_text("ascii").split())
    except (OSError, ValueError):  # "max", or no quota at all
        return None
    return allowed / period if allowed > 0 and period > 0 else None
