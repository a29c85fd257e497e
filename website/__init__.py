"""What builds the docs site beside MkDocs: pages from outside of ``docs/``, and the last checks."""
