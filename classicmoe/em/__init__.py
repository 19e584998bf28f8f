"""The engine: rows, passes, the loop, acceleration and starts. It knows no family."""
