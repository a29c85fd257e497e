# One training job a model.


rule train_model:
    """Train one model; a stopped job goes on from its checkpoint at the next attempt."""
    input:
        shard_list=rules.list_model_files.output.shards,
        correlator_list=rules.list_model_files.output.correlators,
        shards=model_shards,
        correlators=model_correlators,
        normalization=rules.merge_normalization.output[0],
    output:
        weights="results/models/{model}/weights.safetensors",
        config="results/models/{model}/config.json",
        normalization="results/models/{model}/normalization.h5",
        history="results/models/{model}/history.csv",
    log:
        "logs/train/{model}.log",
    benchmark:
        "results/timings/train/{model}.tsv"
    conda:
        "../../envs/training.yaml"
    threads: PLAN.training_cpus
    resources:
        mem_mb=growing(1000 + 2000 * PLAN.training_cpus),
        runtime=1440,
        gpu=PLAN.training_devices,
    params:
        hypervae=library_command,
        config=PLAN.section("train"),
        code=PLAN.code("train"),
        jet_types=lambda wildcards: ",".join(PLAN.types_of(wildcards.model)),
        # A function of `input` does not count for staleness: how a job runs changes no result.
        execution=lambda wildcards, input: PLAN.execution_options(),
        # Outside the outputs, which Snakemake deletes when a job fails.
        checkpoints=lambda wildcards, input: placed(
            [f"checkpoints/{wildcards.model}"]
        )[0],
        folder=lambda wildcards, output: str(Path(output.weights).parent),
    shell:
        "{params.hypervae} train --shards {input.shard_list:q}"
        " --correlators {input.correlator_list:q} --normalization {input.normalization:q}"
        " --output-dir {params.folder:q} --checkpoint-dir {params.checkpoints:q}"
        " --jet-types {params.jet_types} --threads {threads}"
        " --config {params.config:q} {params.execution} > {log:q} 2>&1"
