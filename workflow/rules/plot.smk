# Figures, each as PNG (in the report) and PDF.


rule plot_observables:
    """Overlay generated and held-out jets, observable by observable."""
    input:
        rules.evaluate_jets.output.arrays,
    output:
        png=report(
            "results/plots/observables/{model}/{jet_type}.png",
            caption="../report/observables.rst",
            category="Generated jets",
            labels={"model": "{model}", "jet type": "{jet_type}"},
        ),
        pdf="results/plots/observables/{model}/{jet_type}.pdf",
    log:
        "logs/plot/observables/{model}/{jet_type}.log",
    conda:
        "../../envs/plotting.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=20,
    params:
        config=PLAN.section("plot"),
        code=PLAN.code("plot"),
    shell:
        "python -m hypervae plot observables --arrays {input:q} --output {output.png:q}"
        " --output-pdf {output.pdf:q} --config {params.config:q} > {log:q} 2>&1"


rule plot_history:
    """Draw the training curves of a model."""
    input:
        rules.train_model.output.history,
    output:
        png=report(
            "results/plots/history/{model}.png",
            caption="../report/history.rst",
            category="Training",
            labels={"model": "{model}"},
        ),
        pdf="results/plots/history/{model}.pdf",
    log:
        "logs/plot/history/{model}.log",
    conda:
        "../../envs/plotting.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=20,
    params:
        config=PLAN.section("plot"),
        code=PLAN.code("plot"),
    shell:
        "python -m hypervae plot history --history {input:q} --title {wildcards.model}"
        " --output {output.png:q} --output-pdf {output.pdf:q}"
        " --config {params.config:q} > {log:q} 2>&1"


rule plot_correlators:
    """Draw the energy correlators of a model's training jets."""
    input:
        rules.merge_normalization.output,
    output:
        png=report(
            "results/plots/correlators/{model}.png",
            caption="../report/correlators.rst",
            category="Energy correlators",
            labels={"model": "{model}"},
        ),
        pdf="results/plots/correlators/{model}.pdf",
    log:
        "logs/plot/correlators/{model}.log",
    conda:
        "../../envs/plotting.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=20,
    params:
        config=PLAN.section("plot"),
        code=PLAN.code("plot"),
    shell:
        "python -m hypervae plot correlators --normalization {input:q} --title {wildcards.model}"
        " --output {output.png:q} --output-pdf {output.pdf:q}"
        " --config {params.config:q} > {log:q} 2>&1"


rule plot_summary:
    """Draw all metrics of all models in units of the truth floor, and write them as a table."""
    input:
        evaluation_results,
    output:
        png=report(
            "results/plots/summary.png",
            caption="../report/summary.rst",
            category="Summary",
            labels={"show": "figure"},
        ),
        pdf="results/plots/summary.pdf",
        table=report(
            "results/summary.csv",
            caption="../report/summary.rst",
            category="Summary",
            labels={"show": "table"},
        ),
    log:
        "logs/plot/summary.log",
    conda:
        "../../envs/plotting.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=20,
    params:
        config=PLAN.section("plot"),
        code=PLAN.code("plot"),
    shell:
        "python -m hypervae plot summary {input:q} --table {output.table:q}"
        " --output {output.png:q} --output-pdf {output.pdf:q}"
        " --config {params.config:q} > {log:q} 2>&1"


rule write_config:
    """Write the resolved config, defaults included, beside the results."""
    output:
        "results/config.yaml",
    log:
        "logs/config.log",
    localrule: True
    params:
        config=PLAN.resolved,
    run:
        write_text(output[0], params.config)
