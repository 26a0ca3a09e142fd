"""The same steps in other frameworks, in a process of their own environment."""
