"""What a person types: config files, fields and axes, and the help that lists them."""
