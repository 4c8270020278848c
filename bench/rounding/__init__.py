"""What each choice in rounding a model's weights costs."""
