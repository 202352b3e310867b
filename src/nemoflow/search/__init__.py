"""Search: many runs of one workflow with other overrides, to find which serve a metric best; Optuna proposes, the flow runs."""
