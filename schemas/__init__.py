"""What a window is, on disk and in memory; what a recipe is; how both are checked.

Imports TensorFlow, NumPy and pydantic only, and TensorFlow only where it is used.
"""
