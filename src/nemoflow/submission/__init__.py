"""The contest's submission: is the adapter one that its runtime loads, and the zip that holds it."""
