# All correlator files of a model, merged into tables and feature scales.


rule merge_normalization:
    """Merge the correlator files of a model (training split only)."""
    input:
        list=rules.list_model_files.output.correlators,
        files=model_correlators,
    output:
        "results/normalization/{model}.h5",
    log:
        "logs/normalization/{model}.log",
    benchmark:
        "results/timings/normalization/{model}.tsv"
    priority: 30
    conda:
        "../../envs/correlators.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000, per_file=0.2),
        runtime=lasting(60),
    params:
        hypervae=library_command,
        decides=decides("normalize"),
        config=section("normalize"),
    shell:
        one_line(
            "{params.hypervae} normalize --correlators {input.list:q}"
            " --config {params.config:q} --output {output:q} > {log:q} 2>&1"
        )
