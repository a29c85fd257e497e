"""The processes of a run meet, or it ends with who did not come and what had said that they would.

Torch would wait for them for half an hour, and without end for a program that says nothing.
"""

from __future__ import annotations

import atexit
import logging
import socket
import threading
import time
from datetime import timedelta

import torch.distributed as dist
from lightning.fabric.strategies import DDPStrategy
from torch.distributed import PrefixStore, Store, TCPStore

from hypervae.errors import NobodyCame, one_line, printable
from hypervae.training.launch import Place, meeting_place

DECIDES_RESULTS_OF = ()  # see `hypervae.digest`

# Between attempts, and of each wait within one [s].
_PAUSE = 0.5
#: What torch cannot interrupt is given up so long after the end of patience [s].
GRACE = 3.0
# Ranks that a message names.
_NAMED = 8

_LOG = logging.getLogger(__name__)

# What answers the others is to live as long as this process.
_hosted: list[TCPStore] = []


class SeveralProcesses(DDPStrategy):
    """Fabric's strategy for several processes, which meet before they are connected.

    Parameters
    ----------
    minutes : float
        So long they wait for one another, where variables alone say that there are others [min].
    """

    def __init__(self, minutes: float):
        # loss weights of 0 leave heads without a gradient
        super().__init__(find_unused_parameters=True)
        self._minutes = minutes

    def setup_environment(self) -> None:
        """Connect the processes; a second run of theirs has the connections of the first.

        Raises
        ------
        NobodyCame
            If they do not all come.
        """
        environment, accelerator = self.cluster_environment, self.accelerator
        if environment is not None and accelerator is not None and not dist.is_initialized():
            size = self.num_nodes * self.num_processes
            rank = environment.node_rank() * self.num_processes + environment.local_rank()
            store = meet(meeting_place(environment, rank, size, self._minutes))
            device = self.root_device
            accelerator.setup_device(device)
            dist.init_process_group(
                dist.Backend.default_device_backend_map[device.type],
                store=store,
                rank=rank,
                world_size=size,
                timeout=self._timeout,
                device_id=None if device.type == "cpu" else device,
            )
            atexit.register(_disconnect)
            _LOG.info("process %d of %d has met the others", rank + 1, size)
        super().setup_environment()


def _disconnect() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()


def meet(place: Place) -> Store:
    """Wait until all processes of a run are there.

    Parameters
    ----------
    place : Place

    Returns
    -------
    Store
        Of this meeting alone: a launcher has one store for all that its processes do in turn.

    Raises
    ------
    NobodyCame
        If they do not all come in time.
    """
    meeting = _Meeting(place)
    # torch does not keep to its own timeouts, and cannot be interrupted
    thread = threading.Thread(target=meeting.attend, daemon=True)
    thread.start()
    thread.join(place.patience + GRACE)
    if meeting.store is None:
        where = f"{place.address}:{place.port}"
        found = f"{one_line(meeting.found)} at {where} in {place.patience:g} s"
        expected = f"{place.size} processes (train.execution.devices times nodes)"
        raise NobodyCame(
            printable(f"{place.told}: found {found}, expected {expected}; {place.advice}")
        )
    return meeting.store


class _Meeting:
    """What is found at a place, and in the end the store that all have come to."""

    def __init__(self, place: Place):
        self.place, self.found = place, "nobody"
        self.store: Store | None = None
        self._end = time.monotonic() + place.patience

    def attend(self) -> None:
        """Try until all are there, or patience ends: who answers may be about to, or to end."""
        while self.store is None and time.monotonic() < self._end:
            try:
                self.store = self._join()
            except (RuntimeError, OSError, UnicodeError) as error:
                self.found = f"{self.found.partition(' (')[0]} ({error})"
                time.sleep(_PAUSE)

    def _left(self) -> float:
        return max(self._end - time.monotonic(), _PAUSE)

    def _tcp_store(self, address: str, *, hosts: bool) -> TCPStore:
        return TCPStore(
            address,
            self.place.port,
            is_master=hosts,
            timeout=timedelta(seconds=self._left()),
            wait_for_workers=False,
            multi_tenant=True,
        )

    def _join(self) -> Store | None:
        """One attempt; None if patience ends before all have come."""
        place = self.place
        if place.hosts:
            _hosted.clear()
            self.found = "no way to answer the others"
            _hosted.append(self._tcp_store("localhost", hosts=True))
        self.found = "nobody"
        # a refusal takes torch long, and many lines
        socket.create_connection((place.address, place.port), self._left()).close()
        self.found = "another program"
        store = self._tcp_store(place.address, hosts=False)
        time_of_this = store.add(f"hypervae/{place.rank}", 1)
        mine = PrefixStore(f"hypervae/meeting{time_of_this}", store)
        mine.set(str(place.rank), "here")
        everyone = [str(rank) for rank in range(place.size)]
        while time.monotonic() < self._end:
            try:
                mine.wait(everyone, timedelta(seconds=_PAUSE))
            except dist.DistStoreError:  # not yet
                missing = [rank for rank in everyone if not mine.check([rank])]
                ranks = ", ".join(missing[:_NAMED]) + ", ..." * (len(missing) > _NAMED)
                there = place.size - len(missing)
                self.found = f"{there} of the processes, none of rank {ranks},"
                continue
            return mine
        return None
