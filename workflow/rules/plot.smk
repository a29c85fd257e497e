# Figures, each as PNG (in the report) and PDF.


rule plot_observables:
    """Compare generated with held-out jets: observables, energy correlators and mean image."""
    input:
        rules.evaluate_jets.output.arrays,
    output:
        jets=report(
            "results/plots/observables/{model}/{jet_type}/jets.png",
            caption="../report/observables.rst",
            category="Generated jets",
            labels={"model": "{model}", "jet type": "{jet_type}", "show": "jets"},
        ),
        particles=report(
            "results/plots/observables/{model}/{jet_type}/particles.png",
            caption="../report/observables.rst",
            category="Generated jets",
            labels={"model": "{model}", "jet type": "{jet_type}", "show": "particles"},
        ),
        substructure=report(
            "results/plots/observables/{model}/{jet_type}/substructure.png",
            caption="../report/observables.rst",
            category="Generated jets",
            labels={
                "model": "{model}",
                "jet type": "{jet_type}",
                "show": "substructure",
            },
        ),
        correlators=report(
            "results/plots/observables/{model}/{jet_type}/correlators.png",
            caption="../report/compared_correlators.rst",
            category="Generated jets",
            labels={
                "model": "{model}",
                "jet type": "{jet_type}",
                "show": "energy correlators",
            },
        ),
        image=report(
            "results/plots/observables/{model}/{jet_type}/image.png",
            caption="../report/image.rst",
            category="Generated jets",
            labels={
                "model": "{model}",
                "jet type": "{jet_type}",
                "show": "mean image",
            },
        ),
        pdf=multiext(
            "results/plots/observables/{model}/{jet_type}/",
            "jets.pdf",
            "particles.pdf",
            "substructure.pdf",
            "correlators.pdf",
            "image.pdf",
        ),
    log:
        "logs/plot/observables/{model}/{jet_type}.log",
    conda:
        "../../envs/plotting.yaml"
    resources:
        mem_mb=growing(1500),
        runtime=20,
    params:
        hypervae=library_command,
        config=PLAN.section("plot"),
        code=PLAN.code("plot"),
        folder=lambda wildcards, output: str(Path(output.jets).parent),
    shell:
        "{params.hypervae} plot observables --arrays {input:q} --folder {params.folder:q}"
        " --config {params.config:q} > {log:q} 2>&1"


rule plot_history:
    """Draw a figure of one model; the rules below draw others with the same command."""
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
        hypervae=library_command,
        figure="history",
        config=PLAN.section("plot"),
        code=PLAN.code("plot"),
    shell:
        "{params.hypervae} plot {params.figure} --input {input:q}"
        " --title 'model {wildcards.model}' --output {output.png:q}"
        " --output-pdf {output.pdf:q} --config {params.config:q} > {log:q} 2>&1"


use rule plot_history as plot_correlators with:
    # Energy correlators of the training jets.
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
    params:
        hypervae=library_command,
        figure="correlators",
        config=PLAN.section("plot"),
        code=PLAN.code("plot"),


use rule plot_history as plot_latent with:
    # Where held-out jets lie in latent space, beside the prior.
    input:
        rules.reconstruct_jets.output,
    output:
        png=report(
            "results/plots/latent/{model}.png",
            caption="../report/latent.rst",
            category="Model",
            labels={"model": "{model}", "show": "latent space"},
        ),
        pdf="results/plots/latent/{model}.pdf",
    log:
        "logs/plot/latent/{model}.log",
    params:
        hypervae=library_command,
        figure="latent",
        config=PLAN.section("plot"),
        code=PLAN.code("plot"),


use rule plot_history as plot_reconstruction with:
    # Held-out jets beside their reconstructions.
    input:
        rules.reconstruct_jets.output,
    output:
        png=report(
            "results/plots/reconstruction/{model}.png",
            caption="../report/reconstruction.rst",
            category="Model",
            labels={"model": "{model}", "show": "reconstruction"},
        ),
        pdf="results/plots/reconstruction/{model}.pdf",
    log:
        "logs/plot/reconstruction/{model}.log",
    params:
        hypervae=library_command,
        figure="reconstruction",
        config=PLAN.section("plot"),
        code=PLAN.code("plot"),


rule plot_summary:
    """Draw all metrics of all models in units of the truth floor, and write them as tables."""
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
            labels={"show": "table (CSV)"},
        ),
        html=report(
            "results/summary.html",
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
        hypervae=library_command,
        config=PLAN.section("plot"),
        code=PLAN.code("plot"),
    shell:
        "{params.hypervae} plot summary {input:q} --table {output.table:q} --html {output.html:q}"
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
