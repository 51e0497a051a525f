"""`python -m cryotools` runs the same program as the `cryotools` script."""

from cryotools.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
