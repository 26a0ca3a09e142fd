"""Whether a claim of a paper holds: which runs are its, what is checked, a verdict."""
