"""What a network engineer opens: which devices are down, degraded, or lying."""
