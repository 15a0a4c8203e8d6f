"""Talking to other nodes: pure protocol, the host that loads libp2p, and the network process.

The pure modules (messages, session, redial) import the rules below them; the host adds libp2p and trio; process, the
program that `foodhub node run` executes, stands above node and joins them all.
"""
