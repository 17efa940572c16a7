"""`python -m dcrlog` is the command `dcrlog`."""

from dcrlog.cli import main

main()
