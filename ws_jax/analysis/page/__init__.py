"""The report's page: what a paper or a sweep of one's own puts there, and its HTML."""
