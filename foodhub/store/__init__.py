"""The SQLite file of a home: schema, appends, views. Imports the pure rooms; never p2p, never a front end."""
