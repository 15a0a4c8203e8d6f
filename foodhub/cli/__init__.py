"""The command line. Imports node, words and the small values, and is the only room that loads click."""
