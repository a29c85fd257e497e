"""Run in a process of its own: every file of `hostile`, by each reader; prints what came of it."""

import json
import logging
import re
import signal
import sys
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path

from hypervae.checks.files import check_file
from hypervae.errors import InputError
from tests.unit.formats import hostile

# Bytes of a file are flipped at so many places; one reader sees all of a kind.
FLIPS = 60


def outcome(read, path: Path) -> str:
    """What a reader makes of a file: taken, refused, or what is wrong with how it is refused."""
    try:
        read(path)
    except InputError as error:
        text = str(error)
        fine = text.isprintable() and len(text) < 2500 and "unreadable data" not in text
        return "refused" if fine else f"refused with {text[-300:]!r}"
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {error} ({place.filename}:{place.lineno})"
    return "taken"


def run(folder: Path, kind: str, only: list[str]) -> dict:
    """All changes of a kind of file, or those whose names hold one of some words, by validate."""
    if only:
        readers = {"validate": check_file}
    else:
        from tests.unit.formats import kinds  # here: its imports alone take 200 MB

        readers = kinds.readers(folder)[kind]
    path, found, faults, slowest = folder / f"{kind}.h5", Counter(), {}, 0.0
    files = [(hostile.mutants(path, folder, only), readers)]
    if not only:
        first = dict([next(iter(readers.items()))])
        files.append((hostile.flipped(path, folder, FLIPS), first))
    for changed, all_readers in files:
        for change, file in changed:
            for name, read in all_readers.items():
                start = time.process_time()
                came = outcome(read, file)
                took = time.process_time() - start
                slowest = max(slowest, took if came != "taken" else 0.0)
                damaged = change.startswith("flip") and "unreadable data" in came
                found["refused" if damaged else came if came == "taken" else "refused"] += 1
                if came not in ("taken", "refused") and not damaged:
                    faults[f"{change}, by {name}"] = came
    return {"found": found, "faults": faults, "slowest": slowest}


def memory(what: str) -> float:
    """Of this process, ``VmRSS`` or its peak ``VmHWM`` [MB]; getrusage has that of others, too."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(rf"{what}:\s*(\d+) kB", status)[1]) / 1e3


def run_damaged(folder: Path, kind: str, count: int) -> dict:
    """Files with a byte that is another: what each takes; one that takes too long ends all."""
    from tests.unit.formats import kinds

    path = folder / f"{kind}.h5"
    latest = kind.endswith("-latest")  # each of which is tried in a process of its own
    count = count // 8 if latest else count
    readers = kinds.readers(folder)[kind.removesuffix("-latest")]
    read = readers["plot" if kind == "reconstruction" else "validate"]
    read(path)  # all that is imported or compiled
    found, faults, most, slowest = Counter(), {}, 0.0, 0.0
    for change, file in hostile.damaged(path, folder, count):
        before, start = memory("VmRSS"), time.monotonic()
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        print(json.dumps({"amid": f"{kind}, {change}"}), flush=True)
        signal.alarm(30)
        came = outcome(read, file)
        signal.alarm(0)
        most, slowest = max(most, memory("VmHWM") - before), max(slowest, time.monotonic() - start)
        damaged = "unreadable data" in came
        found["taken" if came == "taken" else "refused"] += 1
        if came not in ("taken", "refused") and not damaged:
            faults[change] = came
    return {"found": found, "faults": faults, "slowest": slowest, "most_mb": most}


if __name__ == "__main__":
    logging.disable()
    warnings.simplefilter("ignore")
    place = Path(sys.argv[1])
    if sys.argv[3:4] == ["damaged"]:
        count = int(sys.argv[4])
        came = {kind: run_damaged(place, kind, count) for kind in sys.argv[2].split(",")}
    else:
        came = {kind: run(place, kind, sys.argv[3:]) for kind in sys.argv[2].split(",")}
    print(json.dumps({"kinds": came, "peak_mb": memory("VmHWM")}))
