"""``python -m hypervae``: the command line."""

from hypervae.cli import main

if __name__ == "__main__":
    main()
