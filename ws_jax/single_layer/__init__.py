"""Single layers that learn to share: a pool of neurons that all see the same input.

`pool` has what its rules have in common, `rules` the rule at once and its circuit,
`study` the table, record and picture of a study. Nothing is imported here, so that a
table can be read without waiting for what simulates.

Source: Pogodin et al. 2021, Section 3.
"""
