# Config, wildcards and helpers that all rules share. What can be tested without Snakemake lives in
# hypervae.workflow.
import functools
import hashlib

from snakemake.exceptions import WorkflowError

from hypervae.config.yaml_text import read_yaml_file
from hypervae.errors import ConfigError, HyperVAEError
from hypervae.io import write_list, write_text
from hypervae.plotting.captions import EVERYTHING, caption, evaluation_caption
from hypervae.plotting.report import keep_positive_runtimes
from hypervae.workflow import MODEL_FILES, Plan
from hypervae.workflow.groups import ShardGroups
from hypervae.workflow.slurm.guard import guard_slurm, patience
from hypervae.workflow.slurm.jobs import check_alone
from hypervae.workflow.staleness import Staleness
from hypervae.workflow.user_files import check_dates, check_places

# Whether Snakemake was started with this workflow, and not with one that takes it as a module.
IS_MAIN = Path(workflow.main_snakefile).resolve() == LIBRARY / "workflow" / "Snakefile"

try:
    if IS_MAIN:
        # Refuses what Snakemake has lost in silence: keys that stand twice.
        for file in workflow.configfiles:
            read_yaml_file(file)
    PLAN = Plan(config)
    check_places(PLAN, placed)
    guard_slurm()
except ConfigError as error:
    raise WorkflowError(str(error)) from None

STALENESS = Staleness(PLAN)
GROUPS = ShardGroups(PLAN)

REPORT = "results/report.html"
EVALUATION_FIGURES = [
    "jets",
    "particles",
    "substructure",
    "pairs",
    "correlators",
    "image",
]


wildcard_constraints:
    jet_type="|".join(PLAN.jet_types),
    model="|".join(PLAN.models),
    shard=r"[A-Za-z0-9_-]+",
    block=GROUPS.block,
    ending=r"(-of-\d{5})?\.h5",


def shard_files(jet_types, folder):
    """Files of all shards of some jet types below a folder, sorted."""
    return [
        f"{folder}/{jet_type}/{shard}.h5"
        for jet_type in jet_types
        for shard in PLAN.shards(jet_type)
    ]


def model_shards(wildcards):
    return shard_files(PLAN.types_of(wildcards.model), "resources/shards")


def model_correlators(wildcards):
    """Those that all models share, unless this one has other hyperedges."""
    folder = "results/correlators"
    if PLAN.has_own_hyperedges(wildcards.model):
        folder = f"results/correlators/{wildcards.model}"
    return shard_files(PLAN.types_of(wildcards.model), folder)


def given_files(wildcards):
    """As the user wrote them, whatever prefix a module puts before the other files."""
    return [local(file) for file in PLAN.given_files(wildcards.model)]


def type_shards(wildcards):
    return shard_files([wildcards.jet_type], "resources/shards")


# A rule's one param that Snakemake compares is `decides`: it names all that decides the results of a
# job. The others are functions of `input`, which do not count: how a job is told, and how it runs.
def decides(subcommand):
    """What decides the results of a job; see hypervae.workflow.staleness."""

    def text(wildcards):
        names = [wildcards.get(name, "") for name in ("model", "jet_type", "shard")]
        return STALENESS.decides(subcommand, *names)

    return text


def shard_command(wildcards, input):
    """The command line for jobs of one shard, which may all be forked from one process."""
    command = library_command(wildcards, input)
    if PLAN.data.forkserver:
        return f"HYPERVAE_FORKSERVER={os.getpid()} {command}"
    return command


def group_command(subcommand, wildcards):
    """The command line for jobs of a group of shards."""
    text = decides(subcommand)(wildcards)
    fingerprint = hashlib.sha256(text.encode()).hexdigest()[:16]
    return f"{python_command()} hypervae.cli.grouped {fingerprint}"


def section(subcommand):
    """What a subcommand gets with --config."""
    text = functools.cache(PLAN.section)  # one for all jobs of a rule
    return lambda wildcards, input: text(subcommand, wildcards.get("model", ""))


def execution(subcommand):
    """How a subcommand runs, as options."""
    return lambda wildcards, input: PLAN.execution_options(
        subcommand, wildcards.get("model", "")
    )


def fixed(value):
    """The same for all jobs."""
    return lambda wildcards, input: value


@functools.cache
def _simulation(jet_type):
    return PLAN.simulation(jet_type)


def simulation(wildcards, input):
    return _simulation(wildcards.jet_type)


def shard_index(wildcards, input):
    return PLAN.shard_index(wildcards.shard)


def model_types(wildcards, input):
    return ",".join(PLAN.types_of(wildcards.model))


def one_line(command):
    """A command without the blanks that mean nothing: Snakemake compares its text."""
    return " ".join(command.split())


def growing(first, per_file=0):
    """Memory in MB: a base, more for each input file, doubled at each new attempt."""

    def mem_mb(wildcards, input, attempt):
        return int((first + per_file * len(input)) * 2 ** (attempt - 1))

    return mem_mb


def lasting(minutes):
    """Time limit in minutes, doubled at each new attempt. Training goes on, and needs no more."""

    def runtime(wildcards, attempt):
        return minutes * 2 ** (attempt - 1)

    return runtime


def stop_signal(wildcards):
    """Slurm asks a training to save and stop 120 s before its time limit, of a short one a quarter.

    Not --signal=B:TERM, which only reaches the batch shell: the next attempt would start while this
    one still saves.
    """
    minutes = rules.train_model.rule.resources[
        "runtime"
    ].raw  # the profile's, if it has one
    seconds = min(120, 15 * int(minutes)) if str(minutes).isdigit() else 120
    return f"--signal=TERM@{seconds}"


def training_memory(wildcards, input, attempt):
    return growing(1000 + 2000 * PLAN.training_cpus(wildcards.model))(
        wildcards, input, attempt
    )


def trained_model(wildcards):
    """The files of a model, trained here or not; its folder is that of the first."""
    return [f"results/models/{wildcards.model}/{file}" for file in MODEL_FILES]


def evaluation_results(wildcards=None):
    return expand(
        "results/evaluation/{pair}.json",
        pair=[f"{model}/{jet_type}" for model, jet_type in PLAN.evaluations],
    )


def evaluation_arrays(wildcards=None):
    return [path.removesuffix("json") + "h5" for path in evaluation_results()]


def all_results():
    figures = [
        f"observables/{model}/{jet_type}/{figure}"
        for model, jet_type in PLAN.evaluations
        for figure in EVALUATION_FIGURES
    ]
    figures += [
        f"{figure}/{model}"
        for figure in ("correlators", "latent", "reconstruction")
        for model in PLAN.models
    ]
    figures += [f"history/{model}" for model in PLAN.trained_models]
    return [
        *evaluation_results(),
        *expand("results/generated/{model}/mix.h5", model=PLAN.mixed_models),
        *expand("results/equivariance/{model}.json", model=PLAN.models),
        *expand("results/plots/{figure}.png", figure=[*figures, "summary"]),
        "results/overview.html",
    ]


def report_again():
    """A job where all is there but the report: without any, Snakemake does not say that it ended."""
    gone = not Path(REPORT).is_file() and "HYPERVAE_REPORT" not in os.environ
    complete = gone and IS_MAIN and all(Path(file).is_file() for file in all_results())
    return ["results/.report"] if complete else []


def refuse_beside_live_jobs():
    """Start no second run beside Slurm jobs that a killed Snakemake left behind."""
    on_slurm = workflow.executor_settings is not None and not workflow.local_exec
    try:
        check_alone(Path.cwd(), patience() if on_slurm else 0.0)
    except HyperVAEError as error:
        raise WorkflowError(str(error)) from None
    except OSError as error:
        if on_slurm:
            raise WorkflowError(str(error)) from None
        print(
            f"Not known whether jobs of an earlier run live: {error}", file=sys.stderr
        )


def refuse_files_of_the_future():
    """Start no run that would end in Snakemake's doubts about clocks."""
    try:
        check_dates(PLAN)
    except HyperVAEError as error:
        raise WorkflowError(str(error)) from None


def write_report():
    """Write Snakemake's report after a complete run; runs of single targets leave it alone."""
    import subprocess

    if not all(Path(file).is_file() for file in all_results()):
        return
    # A process of its own: --report in a profile would make `snakemake -n` write a report too.
    command = [sys.executable, "-m", "snakemake", "--report", REPORT]
    command += [
        "--snakefile",
        workflow.main_snakefile,
        "--configfile",
        "results/config.yaml",
    ]
    command += ["--workflow-profile", "none", "--nolock", "--quiet", "all"]
    environment = {**os.environ, "HYPERVAE_REPORT": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        print(done.stdout, done.stderr, sep="\n", file=sys.stderr)
        raise WorkflowError("the report could not be written; see above")
    written = Path(REPORT)
    write_text(written, keep_positive_runtimes(written.read_text(encoding="utf-8")))
    Path("results/.report").unlink(missing_ok=True)  # see `report_again`
    print(f"The report is at {REPORT}", file=sys.stderr)
