"""What a trained model is worth: bits per byte on held-out packages, and infilling."""
