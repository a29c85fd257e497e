# Generated against held-out jets, each metric beside its truth floor.


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
        runtime=120,
    params:
        config=PLAN.section("evaluate"),
        code=PLAN.code("evaluate"),
    shell:
        "python -m hypervae evaluate --generated {input.generated:q} --real {input.list:q}"
        " --jet-type {wildcards.jet_type} --model {wildcards.model} --config {params.config:q}"
        " --output {output.results:q} --arrays {output.arrays:q} > {log:q} 2>&1"
