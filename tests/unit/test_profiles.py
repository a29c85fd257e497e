"""The profiles hold what they should: known rules, and nothing of a machine in `default`."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PROFILES = sorted((ROOT / "profiles").glob("*/config.yaml"))
#: Keys that would override a cluster's profile from `default`, and `report`, which breaks dry runs.
MACHINE = {
    "cores", "default-resources", "executor", "jobs", "latency-wait", "local-cores", "report",
    "report-after-run", "resources", "retries", "set-resources", "set-threads",
    "software-deployment-method",
}  # fmt: skip


def rules():
    """Return {name: body} of all rules and checkpoints under workflow/."""
    sources = [ROOT / "workflow" / "Snakefile", *(ROOT / "workflow" / "rules").glob("*.smk")]
    text = "\n".join(path.read_text() for path in sources)
    start = r"^[ \t]*(?:(?:rule|checkpoint)|use rule \w+ as) (\w+)(?: with)?:"
    parts = re.split(start, text, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def submitted_rules():
    """Return the names of those that become cluster jobs."""
    return {name for name, body in rules().items() if name != "all" and "localrule:" not in body}


def load(name):
    return yaml.safe_load((ROOT / "profiles" / name / "config.yaml").read_text())


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.parent.name)
def test_only_existing_rules_are_named(path):
    profile = yaml.safe_load(path.read_text())
    named = set(profile.get("set-resources", {})) | set(profile.get("set-threads", {}))
    assert named <= submitted_rules()


def test_readme_names_every_rule_that_can_be_placed():
    readme = (ROOT / "profiles" / "README.md").read_text()
    listing = readme.split("under `set-resources`:")[1].split(".")[0]
    assert set(re.findall(r"`(\w+)`", listing)) == submitted_rules()


def test_default_profile_holds_nothing_of_a_machine():
    assert not MACHINE & set(load("default"))


def test_default_profile_does_not_override_the_cluster():
    default, slurm = load("default"), load("slurm")
    differing = {key for key in default.keys() & slurm.keys() if default[key] != slurm[key]}
    assert not differing


def test_slurm_profile_places_training_on_one_gpu_and_nothing_else():
    profile = load("slurm")
    with_gpu = {rule for rule, what in profile["set-resources"].items() if what.get("gpu")}
    assert with_gpu == {"train_model"}
    training = profile["set-resources"]["train_model"]
    assert training["gpu"] == 1
    assert training["slurm_partition"] != profile["default-resources"]["slurm_partition"]


def test_training_is_warned_through_its_own_process_not_the_batch_shell():
    # the profile would take the place of the rule's own
    assert "slurm_extra" not in load("slurm")["set-resources"]["train_model"]
    assert "slurm_extra=stop_signal," in rules()["train_model"]
