"""What is offered, pure: products, stock, and reading catalogs of others. Imports circuit, log and the small values."""
