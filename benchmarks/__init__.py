"""One program per published figure: ``python -m benchmarks.NAME`` prints one line of JSON."""
