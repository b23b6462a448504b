"""`python -m tenure`: the same command line as `.venv/bin/tenure`."""

from tenure.cli import main

if __name__ == "__main__":
    main()
