"""Studies of many transfers: jobs, tables, figures, advice."""
