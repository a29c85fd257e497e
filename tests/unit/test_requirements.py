"""The locks name what the package and its tests need, with hashes, in versions that it allows."""

import importlib.util
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "requirements"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = ("torch.lock", "cpu.lock", "cuda.lock")


def entries(lock):
    """The requirements of a lock, each with its hashes."""
    text = re.sub(r"^#.*\n", "", (FOLDER / lock).read_text(), flags=re.MULTILINE)
    for entry in text.replace("\\\n", "").splitlines():
        requirement, *hashes = entry.split(" --hash=")
        yield Requirement(requirement), [each.strip() for each in hashes]


def locked():
    """{name: the requirements that lock it, one for some Pythons each}."""
    found = {}
    for lock in LOCKS:
        for requirement, _ in entries(lock):
            found.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    return found


def required():
    """Requirements of the package with all extras, its tests and its build."""
    project = PROJECT["project"]
    lines = [*project["dependencies"], *PROJECT["build-system"]["requires"]]
    for group in (project["optional-dependencies"], PROJECT["dependency-groups"]):
        lines += [line for requirements in group.values() for line in requirements]
    return [Requirement(line) for line in lines if not line.startswith("hypervae[")]


@pytest.mark.parametrize("requirement", required(), ids=str)
def test_the_lock_has_a_version_that_the_package_allows(requirement):
    versions = locked()[canonicalize_name(requirement.name)]
    for locking in versions:
        (pin,) = locking.specifier
        assert pin.operator == "=="
        assert requirement.specifier.contains(pin.version)


def test_the_check_after_the_installation_knows_what_each_package_is_imported_as():
    spec = importlib.util.spec_from_file_location("check", FOLDER / "check.py")
    check = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(check)
    modules = {name: check.module_of(name) for name in check.direct_dependencies()}
    missing = {name for name, module in modules.items() if not importlib.util.find_spec(module)}
    assert missing == set()


def test_what_is_asked_for_by_name_is_the_same_in_both():
    named = re.findall(
        r"^([A-Za-z][\w.-]*)",
        (FOLDER / "base.in").read_text() + (FOLDER / "dev.in").read_text(),
        re.MULTILINE,
    )
    names = {canonicalize_name(name) for name in named}
    assert names == {canonicalize_name(each.name) for each in required()}


def test_every_file_but_torchs_has_its_hash():
    for lock in LOCKS:
        for requirement, hashes in entries(lock):
            if lock == "torch.lock":
                assert requirement.name == "torch"
                assert hashes == []
            else:
                assert hashes, requirement
                assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", each) for each in hashes)


def test_nothing_is_compiled_for_the_metrics():
    assert "wasserstein" not in locked()
