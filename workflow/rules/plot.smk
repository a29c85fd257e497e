# Figures, each as PNG (in the report) and PDF.


rule plot_observables:
    """Compare generated with held-out jets: observables, their pairs, energy correlators and mean image."""
    input:
        rules.evaluate_jets.output.arrays,
    output:
        jets=report(
            "results/plots/observables/{model}/{jet_type}/jets.html",
            caption="../report/jets.rst",
            category="Generated jets",
            labels={
                "model": "{model}",
                "jet type": "{jet_type}",
                "show": "jets",
            },
        ),
        particles=report(
            "results/plots/observables/{model}/{jet_type}/particles.html",
            caption="../report/particles.rst",
            category="Generated jets",
            labels={
                "model": "{model}",
                "jet type": "{jet_type}",
                "show": "particles",
            },
        ),
        substructure=report(
            "results/plots/observables/{model}/{jet_type}/substructure.html",
            caption="../report/substructure.rst",
            category="Generated jets",
            labels={
                "model": "{model}",
                "jet type": "{jet_type}",
                "show": "substructure",
            },
        ),
        pairs=report(
            "results/plots/observables/{model}/{jet_type}/pairs.html",
            caption="../report/pairs.rst",
            category="Generated jets",
            labels={
                "model": "{model}",
                "jet type": "{jet_type}",
                "show": "pairs of observables",
            },
        ),
        correlators=report(
            "results/plots/observables/{model}/{jet_type}/correlators.html",
            caption="../report/correlators.rst",
            category="Generated jets",
            labels={
                "model": "{model}",
                "jet type": "{jet_type}",
                "show": "energy correlators",
            },
        ),
        image=report(
            "results/plots/observables/{model}/{jet_type}/image.html",
            caption="../report/image.rst",
            category="Generated jets",
            labels={
                "model": "{model}",
                "jet type": "{jet_type}",
                "show": "mean image",
            },
        ),
        figures=expand(
            "results/plots/observables/{{model}}/{{jet_type}}/{figure}.{suffix}",
            figure=EVALUATION_FIGURES,
            suffix=["png", "pdf"],
        ),
    log:
        "logs/plot/observables/{model}/{jet_type}.log",
    conda:
        "../../envs/plotting.yaml"
    resources:
        mem_mb=growing(1500),
        runtime=lasting(20),
    params:
        hypervae=library_command,
        decides=decides("plot"),
        config=section("plot"),
        captions=lambda wildcards, input: {
            figure: evaluation_caption(figure, wildcards.model, wildcards.jet_type)
            for figure in EVALUATION_FIGURES
        },
        folder=lambda wildcards, output: str(Path(output.jets).parent),
    shell:
        one_line(
            "{params.hypervae} plot observables --arrays {input:q} --output-dir {params.folder:q}"
            " --config {params.config:q} > {log:q} 2>&1"
        )


rule plot_history:
    """Draw a figure of one model; the rules below draw others with the same command."""
    input:
        rules.train_model.output.history,
    output:
        page=report(
            "results/plots/history/{model}.html",
            caption="../report/figure.rst",
            category="Training",
            labels={"model": "{model}"},
        ),
        png="results/plots/history/{model}.png",
        pdf="results/plots/history/{model}.pdf",
    log:
        "logs/plot/history/{model}.log",
    conda:
        "../../envs/plotting.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=lasting(20),
    params:
        hypervae=library_command,
        figure=fixed("history"),
        decides=decides("plot"),
        config=section("plot"),
        caption=lambda wildcards, input: caption("history", f"model {wildcards.model}"),
    shell:
        one_line(
            "{params.hypervae} plot {params.figure} --input {input:q}"
            " --title 'model {wildcards.model}' --output {output.png:q}"
            " --output-pdf {output.pdf:q} --page {output.page:q} --config {params.config:q}"
            " > {log:q} 2>&1"
        )


use rule plot_history as plot_correlators with:
    # Energy correlators of the training jets.
    input:
        rules.merge_normalization.output,
    output:
        page=report(
            "results/plots/correlators/{model}.html",
            caption="../report/figure.rst",
            category="Energy correlators",
            labels={"model": "{model}"},
        ),
        png="results/plots/correlators/{model}.png",
        pdf="results/plots/correlators/{model}.pdf",
    log:
        "logs/plot/correlators/{model}.log",
    params:
        hypervae=library_command,
        figure=fixed("correlators"),
        decides=decides("plot"),
        config=section("plot"),
        caption=lambda wildcards, input: caption(
            "correlators", f"model {wildcards.model}"
        ),


use rule plot_history as plot_latent with:
    # Where held-out jets lie in latent space, beside the prior.
    input:
        rules.reconstruct_jets.output,
    output:
        page=report(
            "results/plots/latent/{model}.html",
            caption="../report/figure.rst",
            category="Model",
            labels={"model": "{model}", "show": "latent space"},
        ),
        png="results/plots/latent/{model}.png",
        pdf="results/plots/latent/{model}.pdf",
    log:
        "logs/plot/latent/{model}.log",
    params:
        hypervae=library_command,
        figure=fixed("latent"),
        decides=decides("plot"),
        config=section("plot"),
        caption=lambda wildcards, input: caption("latent", f"model {wildcards.model}"),


use rule plot_history as plot_reconstruction with:
    # Held-out jets beside their reconstructions.
    input:
        rules.reconstruct_jets.output,
    output:
        page=report(
            "results/plots/reconstruction/{model}.html",
            caption="../report/figure.rst",
            category="Model",
            labels={"model": "{model}", "show": "reconstruction"},
        ),
        png="results/plots/reconstruction/{model}.png",
        pdf="results/plots/reconstruction/{model}.pdf",
    log:
        "logs/plot/reconstruction/{model}.log",
    params:
        hypervae=library_command,
        figure=fixed("reconstruction"),
        decides=decides("plot"),
        config=section("plot"),
        caption=lambda wildcards, input: caption(
            "reconstruction", f"model {wildcards.model}"
        ),


rule plot_summary:
    """Draw all metrics of all models in units of the truth floor, and write them as tables."""
    input:
        evaluation_results,
    output:
        page=report(
            "results/plots/summary.html",
            caption="../report/figure.rst",
            category="Summary",
            labels={"show": "figure"},
        ),
        png="results/plots/summary.png",
        pdf="results/plots/summary.pdf",
        table=report(
            "results/summary.csv",
            caption="../report/figure.rst",
            category="Summary",
            labels={"show": "table (CSV)"},
        ),
        html=report(
            "results/summary.html",
            caption="../report/figure.rst",
            category="Summary",
            labels={"show": "table"},
        ),
    log:
        "logs/plot/summary.log",
    conda:
        "../../envs/plotting.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=lasting(20),
    params:
        hypervae=library_command,
        decides=decides("plot"),
        config=section("plot"),
        caption=fixed(caption("summary", EVERYTHING)),
    shell:
        one_line(
            "{params.hypervae} plot summary {input:q} --table {output.table:q} --html {output.html:q}"
            " --output {output.png:q} --output-pdf {output.pdf:q} --page {output.page:q}"
            " --config {params.config:q} > {log:q} 2>&1"
        )


rule write_config:
    """Write the resolved config, defaults included, beside the results."""
    output:
        "results/config.yaml",
    log:
        "logs/config.log",
    localrule: True
    params:
        decides=lambda wildcards: STALENESS.config(),
        config=fixed(PLAN.resolved),
    run:
        write_text(output[0], params.config)


rule plot_overview:
    """Draw generated beside real jets, and write the page that the report opens with."""
    input:
        config=rules.write_config.output,
        evaluations=evaluation_results,
        arrays=evaluation_arrays,
        models=expand("results/models/{model}/config.json", model=PLAN.models),
        histories=expand(
            "results/models/{model}/history.csv", model=PLAN.trained_models
        ),
        equivariance=expand("results/equivariance/{model}.json", model=PLAN.models),
        summary=rules.plot_summary.output.png,
    output:
        page=report(
            "results/overview.html",
            caption="../report/overview.rst",
            category="Overview",
            labels={"show": "what was run, and how good it is"},
        ),
        png="results/plots/overview.png",
        pdf="results/plots/overview.pdf",
    log:
        "logs/plot/overview.log",
    conda:
        "../../envs/plotting.yaml"
    resources:
        mem_mb=growing(1500),
        runtime=lasting(20),
    params:
        hypervae=library_command,
        decides=decides("plot"),
        config=section("plot"),
        folder=lambda wildcards, output: str(Path(output.page).parent),
    shell:
        one_line(
            "{params.hypervae} plot overview {params.folder:q} --output {output.png:q}"
            " --output-pdf {output.pdf:q} --page {output.page:q}"
            " --config {params.config:q} > {log:q} 2>&1"
        )


rule ask_for_report:
    """Do nothing, after which the report is written: it was deleted, and all else is there."""
    output:
        touch("results/.report"),
    localrule: True
    params:
        decides="",
