"""What is bought, pure: cycles, orders, promises, fees. Imports catalog, circuit, log and the small values."""
