"""Rules that turn the model's text into something worth showing, or refuse it by name."""
