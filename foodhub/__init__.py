"""A short-circuit food hub without a landlord: every farm, buying group and hub runs its own node.

Imports nothing, because every command pays for what stands here.
"""

# pyproject.toml reads it from here: a constant, because asking importlib.metadata would cost every start some 15 ms.
__version__ = "0.1.0"
