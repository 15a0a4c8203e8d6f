"""The terminal interface. Imports node, words and the small values, and is the only room that loads textual."""
