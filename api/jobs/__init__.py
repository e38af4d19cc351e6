"""The long-running processes: forecast, plan and retrain, each a loop over the site's clock."""
