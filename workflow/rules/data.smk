# Jets from one of three sources, chosen per jet type, in one layout: resources/shards/{jet_type}/{shard}.h5


rule simulate_shard:
    """Simulate one shard of jets with Pythia 8 and FastJet."""
    output:
        "resources/shards/{jet_type}/{shard}.h5",
    log:
        "logs/simulate/{jet_type}/{shard}.log",
    benchmark:
        "results/timings/simulate/{jet_type}/{shard}.tsv"
    wildcard_constraints:
        jet_type=GROUPS.alone("pythia"),
    priority: 10
    conda:
        "../../envs/simulation.yaml"
    threads: 1
    resources:
        mem_mb=growing(600),
        runtime=lasting(120),
    params:
        hypervae=shard_command,
        decides=decides("simulate"),
        index=shard_index,
        jets=lambda wildcards, input: PLAN.source(wildcards.jet_type).jets_per_shard,
        max_particles=fixed(PLAN.max_particles),
        config=simulation,
    shell:
        one_line(
            "{params.hypervae} simulate --jet-type {wildcards.jet_type} --shard-index {params.index}"
            " --jets {params.jets} --max-particles {params.max_particles}"
            " --config {params.config:q} --output {output:q} > {log:q} 2>&1"
        )


rule download_jetnet:
    """Download one JetNet file, or take a pre-staged one, and check it."""
    output:
        f"resources/jetnet/{{jet_type}}{PLAN.jetnet_suffix}.hdf5",
    log:
        "logs/download/{jet_type}.log",
    benchmark:
        "results/timings/download/{jet_type}.tsv"
    wildcard_constraints:
        jet_type=PLAN.types_from("jetnet"),
    priority: 10
    conda:
        "../../envs/correlators.yaml"
    threads: 1
    resources:
        mem_mb=growing(600),
        runtime=lasting(240),
    params:
        hypervae=library_command,
        decides=decides("download"),
        config=section("download"),
        execution=execution("download"),
    shell:
        one_line(
            "{params.hypervae} download --jet-type {wildcards.jet_type}"
            " --config {params.config:q} {params.execution} --output {output:q} > {log:q} 2>&1"
        )


rule split_shard:
    """Cut one shard out of a JetNet file."""
    input:
        rules.download_jetnet.output,
    output:
        "resources/shards/{jet_type}/{shard}.h5",
    log:
        "logs/split/{jet_type}/{shard}.log",
    benchmark:
        "results/timings/split/{jet_type}/{shard}.tsv"
    wildcard_constraints:
        jet_type=GROUPS.alone("jetnet"),
    priority: 10
    conda:
        "../../envs/correlators.yaml"
    threads: 1
    resources:
        mem_mb=growing(600),
        runtime=lasting(30),
    params:
        hypervae=shard_command,
        decides=decides("split"),
        index=shard_index,
        shards=lambda wildcards, input: PLAN.source(wildcards.jet_type).shards,
        max_particles=fixed(PLAN.max_particles),
    shell:
        one_line(
            "{params.hypervae} split --input {input:q} --jet-type {wildcards.jet_type}"
            " --shard-index {params.index} --shard-count {params.shards}"
            " --max-particles {params.max_particles} --output {output:q} > {log:q} 2>&1"
        )


rule import_shard:
    """Turn one of the user's own files into a shard."""
    input:
        # As the user wrote it, whatever prefix a module puts before the other files.
        lambda wildcards: local(PLAN.user_file(wildcards.jet_type, wildcards.shard)),
    output:
        "resources/shards/{jet_type}/{shard}.h5",
    log:
        "logs/import/{jet_type}/{shard}.log",
    benchmark:
        "results/timings/import/{jet_type}/{shard}.tsv"
    wildcard_constraints:
        jet_type=PLAN.types_from("files"),
    priority: 10
    conda:
        "../../envs/training.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=lasting(60),
    params:
        hypervae=shard_command,
        decides=decides("import"),
        max_particles=fixed(PLAN.max_particles),
        options=lambda wildcards, input: PLAN.import_options(wildcards.jet_type),
    shell:
        one_line(
            "{params.hypervae} import --input {input:q} --jet-type {wildcards.jet_type}"
            " --max-particles {params.max_particles} {params.options} --output {output:q} > {log:q} 2>&1"
        )


rule list_shards:
    """List the shards of a jet type, for rules that read them all."""
    output:
        "results/lists/shards/{jet_type}.txt",
    log:
        "logs/lists/{jet_type}.log",
    localrule: True
    params:
        decides=lambda wildcards: STALENESS.files(placed(type_shards(wildcards))),
        files=lambda wildcards, input: placed(type_shards(wildcards)),
    run:
        write_list(output[0], params.files)


rule list_model_files:
    """List the shards and correlator files of a model."""
    output:
        shards="results/lists/models/{model}.shards.txt",
        correlators="results/lists/models/{model}.correlators.txt",
    log:
        "logs/lists/{model}.log",
    localrule: True
    params:
        decides=lambda wildcards: STALENESS.files(
            placed([*model_shards(wildcards), *model_correlators(wildcards)])
        ),
        shards=lambda wildcards, input: placed(model_shards(wildcards)),
        correlators=lambda wildcards, input: placed(model_correlators(wildcards)),
    run:
        write_list(output.shards, params.shards)
        write_list(output.correlators, params.correlators)
