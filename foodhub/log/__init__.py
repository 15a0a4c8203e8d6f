"""The signed append-only log, pure: keys, header, run, frontier, sealed payloads. Imports errors only."""
