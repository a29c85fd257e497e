"""What `make why` reads out of a dry run."""

import json

from hypervae.digest import code_digest, module_digests
from hypervae.workflow.why import differences, reasons, report

BEFORE = {"code": "c", "train": {"learning_rate": 0.001, "note": "it's; Set"}}


def dry_run(before, now):
    """As Snakemake prints it."""
    return f"""[Thu]
rule train_model:
    input: a, b
    jobid: 1
    reason: Input files updated by another job: b; Params have changed since last execution: \
Union of exclusive params before and now across all output: before: {json.dumps(before)!r} \
now: {json.dumps(now)!r}
    wildcards: model=q

rule generate_jets:
    jobid: 2
    reason: Input files updated by another job: c
    resources: x

localrule list_shards:
    output: d
    reason: Missing output files: d
""".replace("\\\n", "")


def test_the_key_is_named_with_both_values(tmp_path):
    now = {**BEFORE, "train": {**BEFORE["train"], "learning_rate": 0.002}}
    found = reasons(dry_run(BEFORE, now), tmp_path)
    assert found["train_model"] == {"train.learning_rate: 0.001 -> 0.002": 1}
    text = report(found)
    assert "train_model (1 job): train.learning_rate: 0.001 -> 0.002" in text
    assert "list_shards (1 job): Missing output files: d" in text
    assert "after these: generate_jets" in text


def test_the_module_is_named(tmp_path):
    modules = module_digests("plot")
    old = {**modules, "hypervae.plotting.style": "0", "hypervae.plotting.gone": "1"}
    del old["hypervae.plotting.page"]
    (tmp_path / "before.json").write_text(json.dumps(old))
    assert differences({"code": "before"}, {"code": code_digest("plot")}, tmp_path) == [
        "code: hypervae.plotting.style",
        "code: hypervae.plotting.page, new to it",
        "code: hypervae.plotting.gone, no more part of it",
    ]
    assert differences({"code": "x"}, {"code": "y"}, tmp_path) == [
        "code: another version of HyperVAE"
    ]


def test_files_and_keys_that_come_and_go(tmp_path):
    before = {"files": {"g.hdf5": "1"}, "plot": {"bins": 40}}
    now = {"files": {"g.hdf5": "2"}, "plot": {"dpi": 50}}
    assert differences(before, now, tmp_path) == [
        "file g.hdf5: its content is another",
        "plot.bins: 40 -> nothing",
        "plot.dpi: nothing -> 50",
    ]


def test_nothing_would_run():
    assert report(reasons("Nothing to be done")) == "Nothing would run."
