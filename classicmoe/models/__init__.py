"""The public estimators: thin; they name a gate, an expert family and starts, and validate."""
