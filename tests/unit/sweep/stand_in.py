"""What takes the place of ``hypervae`` in the jobs of the tests: the same files, no training.

W1M is (latent_dim - 4)^2 + 1 / epochs. With latent_dim 21 the step is killed, with 22 its job, too.
Each call is a line in calls.log of the trial's folder.
A file `slow` where the steps run makes trainings take a minute, or until they are told to stop.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path


def options(words):
    pairs = zip(words, [*words[1:], "--"], strict=True)
    return {name: value for name, value in pairs if name.startswith("--")}


def stop(number, frame):
    note("stopped")
    print("hypervae: error: training stopped")
    sys.exit(1)


def note(text):
    with open(trial / "calls.log", "a") as file:
        file.write(f"{text}\n")


command, given = sys.argv[1], options(sys.argv[2:])
place = given.get("--output-dir") or given["--output"]
trial = next(path for path in Path(place).parents if path.parent.name == "trials")
config = json.loads(given["--config"])
if command == "train":
    signal.signal(signal.SIGTERM, stop)
    note(f"train {config['epochs']}")
    if config["model"]["latent_dim"] == 13:
        print("hypervae: error: training: the loss is not finite")
        sys.exit(1)
    if config["model"]["latent_dim"] in (21, 22) and not Path("enough").exists():
        for pid in [os.getppid()] * (config["model"]["latent_dim"] == 22) + [os.getpid()]:
            os.kill(pid, signal.SIGKILL)
    end = time.monotonic() + 60
    while Path("slow").exists() and time.monotonic() < end:
        time.sleep(0.05)
    Path(place).mkdir(parents=True, exist_ok=True)
    distance = (config["model"]["latent_dim"] - 4) ** 2 + 1 / config["epochs"]
    (Path(place) / "config.json").write_text(json.dumps(distance))
elif command == "generate":
    note("generate")
else:
    note("evaluate")
    distance = json.loads((Path(place).parents[1] / "model" / "config.json").read_text())
    metric = {"value": distance, "error": 0.1, "floor": 0.5, "floor_error": 0.1}
    results = {
        "jet_type": given["--jet-type"],
        "model": "t",
        "sizes": {"compared": 10},
        "metrics": {"w1m": metric},
        "unavailable": {"w1p": "10 jets a side"},
    }
    Path(place).parent.mkdir(parents=True, exist_ok=True)
    Path(place).write_text(json.dumps(results))
