# Where the library is: beside this workflow, whoever runs it. `workflow.basedir` is the folder of the
# Snakefile that was started, which a workflow that takes this one as a module has of its own.
import os
import shlex
import shutil
import sys
import tarfile
import tempfile
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.sourcecache import HostingProviderFile, LocalGitFile, LocalSourceFile


def library_folder(rules_folder):
    """Folder with the package `hypervae` that belongs to these rules.

    Of rules that Snakemake reads out of a git repository, as `github(...)` does, the package is
    unpacked once per commit, beside Snakemake's own copy of that repository.
    """
    if isinstance(rules_folder, LocalSourceFile):
        return Path(rules_folder.get_path_or_uri(secret_free=True)).resolve().parents[1]
    if isinstance(rules_folder, HostingProviderFile):
        repository = rules_folder.hosted_repo.repo
    elif isinstance(rules_folder, LocalGitFile):
        from git import Repo

        repository = Repo(rules_folder.repo_path)
    else:
        raise WorkflowError(
            f"module: snakefile: found {rules_folder}; expected a path, or a git repository such as"
            " github(...): the workflow needs the library that lies beside it"
        )
    commit = repository.commit(rules_folder.ref).hexsha
    folder = workflow.sourcecache.cache_path / "hypervae" / commit
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        unpacked = Path(tempfile.mkdtemp(dir=folder.parent))
        with tempfile.TemporaryFile() as archive:
            repository.archive(archive, commit, path="hypervae")
            archive.seek(0)
            with tarfile.open(fileobj=archive) as members:
                # Before 3.11.4, which Debian 12 has not, Python knows no filters. The
                # files are code of the commit that is being run, whatever they are.
                safely = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
                members.extractall(unpacked, **safely)
        try:
            unpacked.rename(folder)
        except OSError:  # another process was first
            shutil.rmtree(unpacked)
    return folder


def image():
    """The image that the user made of the Dockerfile: a file, or an address. None is published."""
    return os.environ.get("HYPERVAE_CONTAINER") or None


LIBRARY = library_folder(workflow.current_basedir)
if set("{}") & set(str(LIBRARY)):
    raise WorkflowError(
        f"{LIBRARY}: found braces in the path of the workflow, expected none: Snakemake takes them"
        " for wildcards"
    )

if str(LIBRARY) not in sys.path[:1]:
    sys.path.insert(0, str(LIBRARY))
# Another version may have been imported by the workflow that takes this one as a module.
_imported = sys.modules.get("hypervae")
if _imported is not None and str(LIBRARY / "hypervae") not in list(_imported.__path__):
    for _name in [name for name in sys.modules if name.partition(".")[0] == "hypervae"]:
        del sys.modules[_name]


def default_config():
    """The config of the working directory, where it has one, else that beside this workflow."""
    own = Path("config/config.yaml")
    return str(own if own.is_file() else LIBRARY / own)


def python_command():
    """How a module of this library is run.

    By the Python that runs Snakemake, which has all packages, whether its environment is active or
    not; in conda environments and containers, by theirs.
    """
    deployed = workflow.deployment_settings.deployment_method
    python = "python" if deployed else shlex.quote(sys.executable)
    return f"PYTHONPATH={shlex.quote(str(LIBRARY))} {python} -P -m"


def library_command(wildcards, input):
    """The command line of this library, for jobs in conda environments, too.

    A param that is a function of `input` does not count for staleness: results do not depend on
    the place of the library, and what its code is stands in the param `code`. (`shell.prefix` would
    be that of all rules of the workflow that takes this one as a module.)
    """
    return f"{python_command()} hypervae"


_modifier = workflow.modifier


def placed(paths):
    """Paths as Snakemake changes those of inputs and outputs where a module has a `prefix`."""
    return [str(_modifier.modify_path(path)) for path in paths]
