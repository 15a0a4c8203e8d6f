"""The application, and the only room that front ends call. Imports store and the pure rooms; never loads libp2p."""
