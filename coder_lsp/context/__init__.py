"""What else the model should see."""
