# One training job a model, or a trained model that is taken as it is.


rule train_model:
    """Train one model; a stopped job goes on from its checkpoint at the next attempt."""
    input:
        shard_list=rules.list_model_files.output.shards,
        correlator_list=rules.list_model_files.output.correlators,
        shards=model_shards,
        correlators=model_correlators,
        normalization=rules.merge_normalization.output[0],
        initial=given_files,
    output:
        weights="results/models/{model}/weights.safetensors",
        config="results/models/{model}/config.json",
        normalization="results/models/{model}/normalization.h5",
        history="results/models/{model}/history.csv",
    log:
        "logs/train/{model}.log",
    benchmark:
        "results/timings/train/{model}.tsv"
    wildcard_constraints:
        model=PLAN.trained,
    # The longest chain goes first: beside the last training there is then something else to do.
    priority: 40
    conda:
        "../../envs/training.yaml"
    threads: lambda wildcards: PLAN.training_cpus(wildcards.model)
    resources:
        mem_mb=training_memory,
        runtime=1440,
        gpu=lambda wildcards: PLAN.training_devices(wildcards.model),
        slurm_extra=stop_signal,
    params:
        hypervae=library_command,
        decides=decides("train"),
        config=section("train"),
        jet_types=model_types,
        execution=lambda wildcards, input: (
            f"{execution('train')(wildcards, input)} --requeue"
        ),
        initial=lambda wildcards, input: (
            f"--init-from {shlex.quote(input.initial[0])}" if input.initial else ""
        ),
        # Outside the outputs, which Snakemake deletes when a job fails.
        checkpoints=lambda wildcards, input: placed(
            [f"checkpoints/{wildcards.model}"]
        )[0],
        folder=lambda wildcards, output: str(Path(output.weights).parent),
    shell:
        one_line(
            "{params.hypervae} train --shards {input.shard_list:q}"
            " --correlators {input.correlator_list:q} --normalization {input.normalization:q}"
            " --output-dir {params.folder:q} --checkpoint-dir {params.checkpoints:q}"
            " --jet-types {params.jet_types} --threads {threads} {params.initial}"
            " --config {params.config:q} {params.execution} > {log:q} 2>&1"
        )


rule adopt_model:
    """Take a trained model as it is, once it is seen to fit the jets of the run."""
    input:
        model=given_files,
        normalization=rules.merge_normalization.output[0],
    output:
        weights="results/models/{model}/weights.safetensors",
        config="results/models/{model}/config.json",
        normalization="results/models/{model}/normalization.h5",
    log:
        "logs/adopt/{model}.log",
    benchmark:
        "results/timings/adopt/{model}.tsv"
    wildcard_constraints:
        model=PLAN.adopted,
    conda:
        "../../envs/training.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=lasting(20),
    params:
        hypervae=library_command,
        decides=decides("adopt"),
        jet_types=model_types,
        folder=lambda wildcards, output: str(Path(output.weights).parent),
    shell:
        one_line(
            "{params.hypervae} adopt --model {input.model[0]:q} --normalization {input.normalization:q}"
            " --jet-types {params.jet_types} --output-dir {params.folder:q} > {log:q} 2>&1"
        )
