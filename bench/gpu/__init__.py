"""What only a machine with an NVIDIA GPU can tell; none was at hand when this was written."""
