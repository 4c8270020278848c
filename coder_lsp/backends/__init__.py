"""Who writes a completion: the model inside, or answers written beforehand."""
