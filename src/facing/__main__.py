"""`python -m facing` is the command `facing`."""

from facing.cli import main

main()
