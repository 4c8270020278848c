"""The trainer: optimizer, schedule, checkpoints, log and the loop that uses them."""
