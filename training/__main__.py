"""Run the training command line."""

from training.cli import main

main()
