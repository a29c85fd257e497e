# Shards that one job makes together, where data.shards_per_job is more than one: what the rules of
# the same commands do, and with the same command line, so that results remain valid.


use rule simulate_shard as simulate_group with:
    # 10 or 100 shards in one process.
    output:
        GROUPS.files("resources/shards/{jet_type}"),
    log:
        GROUPS.name("logs/simulate/{jet_type}", "log"),
    benchmark:
        GROUPS.name("results/timings/simulate/{jet_type}", "tsv")
    wildcard_constraints:
        jet_type=GROUPS.together("pythia"),
    resources:
        mem_mb=growing(600),
        runtime=lasting(GROUPS.minutes(120)),
    params:
        hypervae=lambda wildcards, input: group_command("simulate", wildcards),
        decides=decides("simulate"),
        index=lambda wildcards, input: GROUPS.indices(wildcards.block),
        jets=lambda wildcards, input: PLAN.source(wildcards.jet_type).jets_per_shard,
        max_particles=fixed(PLAN.max_particles),
        config=simulation,


use rule split_shard as split_group with:
    # 10 or 100 shards in one process.
    output:
        GROUPS.files("resources/shards/{jet_type}"),
    log:
        GROUPS.name("logs/split/{jet_type}", "log"),
    benchmark:
        GROUPS.name("results/timings/split/{jet_type}", "tsv")
    wildcard_constraints:
        jet_type=GROUPS.together("jetnet"),
    resources:
        mem_mb=growing(600),
        runtime=lasting(GROUPS.minutes(30)),
    params:
        hypervae=lambda wildcards, input: group_command("split", wildcards),
        decides=decides("split"),
        index=lambda wildcards, input: GROUPS.indices(wildcards.block),
        shards=lambda wildcards, input: PLAN.source(wildcards.jet_type).shards,
        max_particles=fixed(PLAN.max_particles),


use rule compute_correlators as compute_group_correlators with:
    # Of 10 or 100 shards, in one process.
    input:
        GROUPS.files("resources/shards/{jet_type}"),
    output:
        GROUPS.files("results/correlators/{jet_type}"),
    log:
        GROUPS.name("logs/correlators/{jet_type}", "log"),
    benchmark:
        GROUPS.name("results/timings/correlators/{jet_type}", "tsv")
    wildcard_constraints:
        jet_type=GROUPS.together(),
    resources:
        mem_mb=growing(1000),
        runtime=lasting(GROUPS.minutes(60)),
    params:
        hypervae=lambda wildcards, input: group_command("correlators", wildcards),
        decides=decides("correlators"),
        config=section("correlators"),


use rule compute_group_correlators as compute_model_group_correlators with:
    # Of a model that has other hyperedges than the rest.
    output:
        GROUPS.files("results/correlators/{model}/{jet_type}"),
    log:
        GROUPS.name("logs/correlators/{model}/{jet_type}", "log"),
    benchmark:
        GROUPS.name("results/timings/correlators/{model}/{jet_type}", "tsv")
    wildcard_constraints:
        model=PLAN.with_own_hyperedges,
        jet_type=GROUPS.together(),
    params:
        hypervae=lambda wildcards, input: group_command("correlators", wildcards),
        decides=decides("correlators"),
        config=section("correlators"),
