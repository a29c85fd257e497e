# Generated against held-out jets, each metric beside its truth floor; the models' equivariance and
# what they make of held-out jets.


rule evaluate_jets:
    """Compare the generated jets of a model with held-out jets of the same type."""
    input:
        generated=rules.generate_jets.output[0],
        list=rules.list_shards.output[0],
        shards=type_shards,
    output:
        results="results/evaluation/{model}/{jet_type}.json",
        arrays="results/evaluation/{model}/{jet_type}.h5",
    log:
        "logs/evaluate/{model}/{jet_type}.log",
    benchmark:
        "results/timings/evaluate/{model}/{jet_type}.tsv"
    conda:
        "../../envs/evaluation.yaml"
    threads: 1
    resources:
        mem_mb=growing(2500),
        runtime=lasting(120),
    params:
        hypervae=library_command,
        decides=decides("evaluate"),
        config=section("evaluate"),
    shell:
        one_line(
            "{params.hypervae} evaluate --generated {input.generated:q} --real {input.list:q}"
            " --jet-type {wildcards.jet_type} --model-name {wildcards.model} --config {params.config:q}"
            " --output {output.results:q} --arrays {output.arrays:q} > {log:q} 2>&1"
        )


rule measure_equivariance:
    """Measure how far a trained model is from Lorentz equivariance, on held-out jets."""
    input:
        model=trained_model,
        list=rules.list_model_files.output.shards,
        shards=model_shards,
    output:
        results="results/equivariance/{model}.json",
        table=report(
            "results/equivariance/{model}.html",
            caption="../report/equivariance.rst",
            category="Equivariance",
            labels={"model": "{model}"},
        ),
    log:
        "logs/equivariance/{model}.log",
    benchmark:
        "results/timings/equivariance/{model}.tsv"
    conda:
        "../../envs/training.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=lasting(30),
    params:
        hypervae=library_command,
        decides=decides("equivariance"),
        config=section("equivariance"),
        folder=lambda wildcards, input: str(Path(input.model[0]).parent),
    shell:
        one_line(
            "{params.hypervae} equivariance --model {params.folder:q} --shards {input.list:q}"
            " --threads {threads} --config {params.config:q} --output {output.results:q}"
            " --table {output.table:q} > {log:q} 2>&1"
        )


rule reconstruct_jets:
    """Encode held-out jets of each type of a model, and decode them again."""
    input:
        model=trained_model,
        list=rules.list_model_files.output.shards,
        shards=model_shards,
    output:
        "results/reconstruction/{model}.h5",
    log:
        "logs/reconstruction/{model}.log",
    benchmark:
        "results/timings/reconstruction/{model}.tsv"
    conda:
        "../../envs/training.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=lasting(30),
    params:
        hypervae=library_command,
        decides=decides("reconstruct"),
        config=section("reconstruct"),
        folder=lambda wildcards, input: str(Path(input.model[0]).parent),
    shell:
        one_line(
            "{params.hypervae} reconstruct --model {params.folder:q} --shards {input.list:q}"
            " --threads {threads} --config {params.config:q} --output {output:q} > {log:q} 2>&1"
        )
