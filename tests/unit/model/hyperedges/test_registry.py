import subprocess
import sys
from pathlib import Path

import hypervae
from hypervae.model.hyperedges.registry import HYPEREDGE_CHOICES, HYPEREDGE_MODES


def test_names_need_no_torch():
    code = (
        "import sys; from hypervae.model.hyperedges.registry import HYPEREDGE_CHOICES; "
        "assert 'binned' in HYPEREDGE_CHOICES; assert not {'torch', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_auto_is_a_choice_and_no_mode():
    assert ("auto", *HYPEREDGE_MODES) == HYPEREDGE_CHOICES
    assert "auto" not in HYPEREDGE_MODES


def test_the_docs_name_every_mode():
    page = Path(hypervae.__file__).parents[1] / "docs/model.md"
    table = page.read_text(encoding="utf-8").split("## Hyperedges")[1].split("## The losses")[0]
    for name in HYPEREDGE_MODES:
        assert f"| `{name}` |" in table
