"""What is bought, pure: cycles, orders, promises, shares. Imports catalog, circuit, log and the small values."""
