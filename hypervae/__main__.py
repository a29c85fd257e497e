"""``python -m hypervae``: the command line."""

import os
import sys

if __name__ == "__main__":
    if "HYPERVAE_FORKSERVER" in os.environ:
        from hypervae.errors import HyperVAEError
        from hypervae.forkserver.client import run_forked

        try:
            status = run_forked(sys.argv[1:])
        except HyperVAEError as error:
            sys.exit(f"hypervae: error: {error}")
        if status is not None:
            sys.exit(status)

    from hypervae.cli import main

    main()
