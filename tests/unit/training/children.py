"""Processes below this one."""

import psutil


def grandchildren(process=None):
    """The processes that children of a process (of this one by default) started.

    Workers are forked by a server, which is a child of the process that they work for.
    """
    process = process or psutil.Process()
    below = process.children(recursive=True)
    return [child for child in below if child not in process.children()]
