"""What is mended in Snakemake's report."""

import json

from hypervae.plotting.report import keep_positive_runtimes

PAGE = "<script>\n    var runtimes_spec = {spec};\n    </script>\n<script>\n    var other = {{}};\n"


def test_jobs_that_end_before_they_start_are_not_in_the_panel_of_run_times():
    jobs = [("train", 3.5), ("list", -0.002), ("config", 0.0), ("plot", 0.1)]
    values = [{"rule": rule, "runtime": runtime} for rule, runtime in jobs]
    before = PAGE.format(spec=json.dumps({"mark": "point", "data": {"values": values}}))
    spec = {"mark": "point", "data": {"values": [values[0], values[3]]}}
    assert keep_positive_runtimes(before) == PAGE.format(spec=json.dumps(spec))


def test_another_page_stays_as_it_is():
    for text in ("", "<html></html>", "var runtimes_spec = none;\n"):
        assert keep_positive_runtimes(text) == text
