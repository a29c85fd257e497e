"""What the Snakefile asks of a config (`Plan`); the workflow tests run the rules themselves."""

import json

import pytest

from hypervae.config import ExecutionConfig, resolve_section
from hypervae.errors import ConfigError
from hypervae.workflow import Plan


def plan(**sections):
    config = {
        "data": {
            "jet_types": {
                "g": {"source": "pythia", "shards": 2},
                "q": {"source": "jetnet", "shards": 12},
                "t": {"source": "files", "paths": ["b/top jets.h5", "a/1.pt"]},
            },
            **sections.pop("data", {}),
        },
        "models": {"all": {"jet_types": ["g", "q", "t"]}, "top": {"jet_types": ["t"]}},
        **sections,
    }
    return Plan(config)


def test_shards_are_named_so_that_no_old_one_is_taken_for_a_new_one():
    found = plan()
    assert found.shards("g") == ["00000", "00001"]
    assert found.shards("q")[3] == "00003-of-00012"
    assert found.shards("t") == ["1", "top_jets"]
    assert found.shard_index("00003-of-00012") == 3
    assert found.shard_index("00001") == 1
    assert found.user_file("t", "top_jets") == "b/top jets.h5"


def test_sources_models_and_types():
    found = plan()
    assert found.jet_types == ["g", "q", "t"]
    assert found.types_of("top") == ["t"]
    assert found.evaluations == [("all", "g"), ("all", "q"), ("all", "t"), ("top", "t")]
    assert found.types_from("pythia") == "g"
    assert (
        Plan(
            {
                "data": {"jet_types": {"g": {"source": "pythia"}}},
                "models": {"g": {"jet_types": ["g"]}},
            }
        ).types_from("jetnet")
        == "(?!)"
    )
    assert (found.jetnet_suffix, plan(data={"jetnet": {"particles": 150}}).jetnet_suffix) == (
        "",
        "150",
    )


def test_how_files_are_read_is_options_of_import():
    types = {
        "g": {"source": "files", "paths": ["g.npz"]},
        "q": {"source": "files", "paths": ["q.root"], "jet_class": "label_QCD", "units": "MeV"},
    }
    plan = Plan({"data": {"jet_types": types}, "models": {"m": {"jet_types": ["g", "q"]}}})
    assert plan.import_options("g") == ""
    assert plan.import_options("q") == "--units MeV --jet-class label_QCD"


def test_files_of_the_same_name_are_refused():
    types = {"t": {"source": "files", "paths": ["a/x.h5", "b/x.h5"]}}
    config = {"data": {"jet_types": types}, "models": {"t": {"jet_types": ["t"]}}}
    with pytest.raises(ConfigError, match=r"t\.paths: found b/x\.h5 and a/x\.h5"):
        Plan(config)


def test_sections_are_sorted_json_that_shows_only_what_the_stage_reads():
    section = plan().section("correlators")
    content = json.loads(section)
    assert section == json.dumps(content, sort_keys=True)
    assert set(content) == {
        "orders", "bins", "range", "weight", "exponent", "hyperedges", "split",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "stale"),
    [
        ({"train": {"learning_rate": 5e-4}}, {"train"}),
        ({"model": {"blocks": 3}}, {"train"}),
        ({"train": {"execution": {"device": "cpu"}}}, set()),
        ({"correlators": {"bins": 100}}, {"correlators"}),
        ({"hyperedges": {"max_particles": 10}}, {"correlators"}),
        ({"normalization": {"method": "minmax"}}, {"normalize"}),
        ({"data": {"split": {"seed": 2}}}, {"correlators", "train", "evaluate"}),
        ({"data": {"simulation": {"radius": 0.8}}}, {"simulate"}),
        ({"generate": {"jets": 10}}, {"generate"}),
        ({"equivariance": {"jets": 8}}, {"equivariance"}),
        ({"reconstruction": {"jets": 8}}, {"reconstruct"}),
        ({"plot": {"dpi": 90}}, {"plot"}),
    ],
)
def test_a_key_changes_the_sections_that_hold_it_and_no_other(change, stale):
    stages = [
        "simulate", "download", "correlators", "normalize", "train", "generate", "evaluate",
        "equivariance", "reconstruct", "plot",
    ]  # fmt: skip
    one, two = plan(), plan(**change)
    assert {name for name in stages if one.section(name) != two.section(name)} == stale


def test_a_jet_type_is_simulated_with_its_own_settings_alone():
    one, two = plan(), plan(data={"simulation": {"pt_hat": {"q": [400, 500]}}})
    assert one.simulation("g") == two.simulation("g")
    assert one.simulation("q") != two.simulation("q")
    resolved = resolve_section("simulate", json.loads(two.simulation("q")))
    assert resolved.pt_hat.q == (400.0, 500.0)
    assert resolved.jet_pt == two.config.data.simulation.jet_pt


def test_only_the_file_of_several_types_depends_on_their_mix():
    without, mixed = plan(), plan(generate={"mix": {"g": 1, "q": 3}})
    assert without.mixed_models == []
    assert mixed.mixed_models == ["all"]  # the other knows top quarks alone
    assert json.loads(mixed.section("generate"))["mix"] == {"g": 1, "q": 3}
    assert mixed.generation("all") == without.generation("all") == without.section("generate")


def test_how_training_runs_is_options_and_no_section():
    found = plan(train={"execution": {"device": "cpu", "devices": 2, "checkpoint_minutes": 1}})
    options = found.execution_options("train", "top").split("--")[1:]
    words = {option.strip() for option in options}
    assert "execution.devices 2" in words
    assert "execution.checkpoint-minutes 1.0" in words
    assert "execution.on-oom stop" in words  # a default
    assert "no-execution.gradient-checkpointing" in words
    assert len(options) == len(ExecutionConfig.model_fields) + 1  # keep_every
    assert "execution" not in json.loads(found.section("train"))


def test_a_training_job_has_a_cpu_for_each_of_its_processes():
    assert plan().training_cpus("top") == 1
    assert plan(train={"execution": {"devices": 2, "workers": 3}}).training_cpus("top") == 8


def models(**top):
    return {"all": {"jet_types": ["g", "q", "t"]}, "top": {"jet_types": ["t"], **top}}


@pytest.mark.parametrize(
    ("entry", "stale"),
    [
        ({"model": {"latent_dim": 64}}, {"train"}),
        ({"train": {"execution": {"devices": 2}}}, set()),
        ({"generate": {"seed": 5}}, {"generate"}),
        ({"hyperedges": {"max_particles": 10}}, {"correlators"}),
    ],
)
def test_a_key_of_an_entry_changes_the_sections_of_its_model_alone(entry, stale):
    one, two = plan(), plan(models=models(**entry))
    stages = ("correlators", "train", "generate")
    changed = {name for name in stages if one.section(name, "top") != two.section(name, "top")}
    assert changed == stale
    for name in stages:
        assert one.section(name, "all") == two.section(name, "all") == two.section(name)
    assert two.has_own_hyperedges("top") == ("hyperedges" in entry)
    assert two.training_devices("top") == (2 if "train" in entry else 1)


def test_hyperedges_that_are_those_of_the_config_need_no_files_of_their_own():
    found = plan(hyperedges={"max_particles": 9}, models=models(hyperedges={"max_particles": 9}))
    assert found.with_own_hyperedges == "(?!)"


def test_weights_are_trained_further_or_taken_as_they_are():
    found = plan(models=models(weights="elsewhere/t"))
    assert (found.trained_models, found.trained, found.adopted) == (["all"], "all", "top")
    names = ("weights.safetensors", "config.json", "normalization.h5")
    assert found.given_files("top") == [f"elsewhere/t/{name}" for name in names]
    found = plan(models=models(init_from="elsewhere/best.safetensors"))
    assert (found.trained, found.adopted) == ("all|top", "(?!)")
    assert found.given_files("top")[:2] == [
        "elsewhere/best.safetensors", "elsewhere/config.json",
    ]  # fmt: skip
    assert found.given_files("all") == []


@pytest.mark.parametrize(
    ("subcommand", "changes", "words"),
    [
        ("download", {"data": {"jetnet": {"retries": 2}}}, "--retries 2"),
        (
            "generate",
            {"generate": {"device": "cpu", "batch_size": 9}},
            "--batch-size 9 --device cpu",
        ),
        ("train", {"train": {"keep_every": 3}}, "--keep-every 3"),
    ],
)
def test_keys_that_change_no_result_are_options_and_in_no_section(subcommand, changes, words):
    one, two = plan(), plan(**changes)
    assert words in two.execution_options(subcommand)
    assert one.section(subcommand) == two.section(subcommand)


def test_sets_and_paths_have_one_spelling(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    inside = str(tmp_path / "a" / "u.h5")
    one = plan(
        correlators={"orders": [2, 3, 4, 5]},
        hyperedges={"orders": [3, 4]},
        model={"references": ["time", "beam"], "condition": ["jet_type", "jet_features"]},
        evaluate={"metrics": ["w1", "fpd", "classifier"]},
        data={"jet_types": {"t": {"source": "files", "paths": ["a/1.pt", "a/u.h5"]}}},
        models={"m": {"jet_types": ["t"], "model": {"references": ["time", "beam"]}}},
    )
    two = plan(
        correlators={"orders": [5, 4, 3, 2]},
        hyperedges={"orders": [4, 3]},
        model={"references": ["beam", "time"], "condition": ["jet_features", "jet_type"]},
        evaluate={"metrics": ["classifier", "fpd", "w1"]},
        data={"jet_types": {"t": {"source": "files", "paths": [inside, "./b/..//a/1.pt"]}}},
        models={"m": {"jet_types": ["t"], "model": {"references": ["beam", "time"]}}},
    )
    for stage in ("correlators", "train", "evaluate"):
        assert one.section(stage) == two.section(stage)
        assert one.section(stage, "m") == two.section(stage, "m")
    assert one.source("t") == two.source("t")
    assert plan(models=models(weights="./x//t/")).given_files("top") == plan(
        models=models(weights="x/t")
    ).given_files("top")
    assert plan(models={"all": {"jet_types": ["t", "g", "q"]}}).types_of("all") == ["g", "q", "t"]
    # outside, a path stays as it is: a folder may move with what lies beside it
    assert plan(models=models(weights="../t")).given_files("top")[0].startswith("../t")
    assert plan(models=models(weights="/x/t")).given_files("top")[0].startswith("/x/t")
