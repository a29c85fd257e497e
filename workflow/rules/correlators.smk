# Energy correlators and pair bins, one job a shard.


rule compute_correlators:
    """Compute energy correlators, pair bins and feature moments of one shard."""
    input:
        "resources/shards/{jet_type}/{shard}.h5",
    output:
        "results/correlators/{jet_type}/{shard}.h5",
    log:
        "logs/correlators/{jet_type}/{shard}.log",
    benchmark:
        "results/timings/correlators/{jet_type}/{shard}.tsv"
    wildcard_constraints:
        jet_type=GROUPS.alone(),
    priority: 20
    conda:
        "../../envs/correlators.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=lasting(60),
    params:
        hypervae=shard_command,
        decides=decides("correlators"),
        config=section("correlators"),
    shell:
        one_line(
            "{params.hypervae} correlators --input {input:q} --jet-type {wildcards.jet_type} --threads {threads}"
            " --config {params.config:q} --output {output:q} > {log:q} 2>&1"
        )


use rule compute_correlators as compute_model_correlators with:
    # Of a model that has other hyperedges than the rest.
    output:
        "results/correlators/{model}/{jet_type}/{shard}.h5",
    log:
        "logs/correlators/{model}/{jet_type}/{shard}.log",
    benchmark:
        "results/timings/correlators/{model}/{jet_type}/{shard}.tsv"
    wildcard_constraints:
        model=PLAN.with_own_hyperedges,
        jet_type=GROUPS.alone(),
    params:
        hypervae=shard_command,
        decides=decides("correlators"),
        config=section("correlators"),
