"""What everything stands on: errors, checks, recipes, files, devices, processes."""
