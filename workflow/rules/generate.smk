# Jets from a trained model, in the layout of a shard.


rule generate_jets:
    """Generate jets of one type."""
    input:
        model=trained_model,
    output:
        "results/generated/{model}/{jet_type}.h5",
    log:
        "logs/generate/{model}/{jet_type}.log",
    benchmark:
        "results/timings/generate/{model}/{jet_type}.tsv"
    priority: 5
    conda:
        "../../envs/training.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=lasting(120),
    params:
        hypervae=library_command,
        decides=decides("generate"),
        config=lambda wildcards, input: PLAN.generation(wildcards.model),
        execution=execution("generate"),
        folder=lambda wildcards, input: str(Path(input.model[0]).parent),
    shell:
        one_line(
            "{params.hypervae} generate --model {params.folder:q} --jet-type {wildcards.jet_type}"
            " --threads {threads} --config {params.config:q} {params.execution} --output {output:q} > {log:q} 2>&1"
        )


rule generate_mix:
    """Generate jets of several types into one file."""
    input:
        model=trained_model,
    output:
        "results/generated/{model}/mix.h5",
    log:
        "logs/generate/{model}/mix.log",
    benchmark:
        "results/timings/generate/{model}/mix.tsv"
    conda:
        "../../envs/training.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=lasting(120),
    params:
        hypervae=library_command,
        decides=decides("generate_mix"),
        config=section("generate"),
        execution=execution("generate"),
        folder=lambda wildcards, input: str(Path(input.model[0]).parent),
    shell:
        one_line(
            "{params.hypervae} generate --model {params.folder:q} --threads {threads}"
            " --config {params.config:q} {params.execution} --output {output:q} > {log:q} 2>&1"
        )
