"""The report in a browser: what is seen, and that nothing is cut off."""

from __future__ import annotations

import json

import pytest

from tests.browser import run_in_browser


def test_the_report_opens_with_what_was_run(finished, tmp_path):
    found = run_in_browser(
        finished / "results/report.html",
        """
        const page = document.querySelector(".hypervae-overview");
        const pictures = [...page.querySelectorAll("img")];
        const scrolled = page.closest(".overflow-auto");
        return {
          text: page.innerText,
          page: frame(page),
          pictures: pictures.map((one) => ({ ...frame(one), pixels: one.naturalWidth })),
          scrolled: { height: scrolled.scrollHeight, top: scrolled.scrollTop },
          picture_of_rules: document.querySelectorAll("#rulegraph canvas").length,
        };
        """,
        tmp_path,
    )
    first = found["text"].strip().splitlines()[0]
    assert first == "Demonstration: a small run of HyperVAE"
    # its first line is there without scrolling, and its last can be scrolled to
    assert found["scrolled"]["top"] == 0
    assert 0 <= found["page"]["top"] < 100
    assert found["scrolled"]["height"] >= found["page"]["bottom"]
    assert len(found["pictures"]) == 2
    for picture in found["pictures"]:
        assert picture["pixels"] > 400
        assert picture["right"] <= found["window"]["width"]
    assert found["picture_of_rules"] == 1
    for words in (
        "2 epochs",
        "CPUs",
        "UTC",
        "measured by others on the real JetNet-30 dataset",
        "PC-Droid [3]",
        "commit 524bc65",
        "proper orthochronous Lorentz group",
    ):
        assert words in found["text"]


def test_run_times_are_seen(finished, tmp_path):
    found = run_in_browser(
        finished / "results/report.html",
        """
        app.setView({ content: "stats" });
        await sleep(4000);
        const canvas = document.querySelector("#runtimes canvas");
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        const across = [];
        for (let i = 0; i < data.length; i += 4)
          if (data[i + 2] > 200 && data[i] < 100 && data[i + 3] > 100)
            across.push((i / 4) % canvas.width);
        across.sort((a, b) => a - b);
        return { from: across.at(0), to: across.at(-1), times: runtimes_spec.data.values };
        """,
        tmp_path,
    )
    # points lie along the axis, not all at its end
    assert found["to"] - found["from"] > 40
    assert min(job["runtime"] for job in found["times"]) > 0
    assert {"train_model", "simulate_shard"} <= {job["rule"] for job in found["times"]}


def test_each_figure_is_on_a_page_that_the_report_shows_whole(finished, tmp_path):
    found = run_in_browser(
        finished / "results/report.html",
        """
        const seen = {};
        for (const [path, result] of Object.entries(results)) {
          if (!path.endsWith(".html")) continue;
          app.setView({ content: "html", contentPath: result.data_uri, resultPath: path });
          await sleep(200);
          const shown = document.querySelector("iframe");
          seen[path] = { ...frame(shown), type: result.data_uri.slice(0, 14) };
        }
        return { seen, all: Object.keys(results) };
        """,
        tmp_path,
    )
    assert [path for path in found["all"] if path.endswith(".png")] == []
    for name in ("history/t", "summary", "observables/q/q/image", "latent/q"):
        assert f"results/plots/{name}.html" in found["seen"]
    for place in found["seen"].values():
        assert place["type"] == "data:text/html"
        assert (place["top"], place["bottom"]) == (0, found["window"]["height"])
        assert place["right"] <= found["window"]["width"]


@pytest.mark.parametrize("name", ["history/t", "summary", "correlators/q"])
def test_a_page_holds_the_whole_figure_and_its_caption(finished, tmp_path, name):
    found = run_in_browser(
        finished / f"results/plots/{name}.html",
        """
        const picture = document.querySelector("img");
        return { ...frame(picture), words: document.body.innerText };
        """,
        tmp_path,
    )
    assert found["left"] >= 0
    assert found["top"] >= 0
    assert found["right"] <= found["window"]["width"]
    assert len(found["words"]) > 300
    if name == "history/t":
        # on one screen: landscape
        assert found["bottom"] - found["top"] <= found["window"]["height"]
        assert found["right"] - found["left"] > 1.2 * (found["bottom"] - found["top"])


def test_the_time_of_each_stage_is_in_the_overview(finished):
    page = (finished / "results/overview.html").read_text()
    for stage in ("simulate", "correlators", "train", "generate", "evaluate"):
        assert f"<td>{stage}</td>" in page
    trained = json.loads((finished / "results/models/t/config.json").read_text())["training"]
    assert f"<td>{trained['training_jets']}</td>" in page
