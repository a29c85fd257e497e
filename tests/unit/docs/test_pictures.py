"""The picture of the model is the one of its source."""

import html
import re

from tests.unit.docs.pages import ROOT


def test_the_picture_of_the_model_has_each_box_of_its_source():
    source = (ROOT / "docs" / "model.dot").read_text(encoding="utf-8")
    picture = (ROOT / "docs" / "model.svg").read_text(encoding="utf-8")
    drawn = {html.unescape(text) for text in re.findall(r">([^<>]+)</text>", picture)}
    labels = re.findall(r'label="([^"]+)"', source)
    wanted = {line for label in labels for line in label.split("\\n")}
    assert len(wanted) > 20
    assert {line for line in wanted if line not in drawn} == set()
