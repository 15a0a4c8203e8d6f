"""Who is in the circuit, pure: founding, invites, members, devices, roles, limits. Imports log and the small values."""
