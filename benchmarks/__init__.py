"""How fast it runs: ceilings, layers, steps, epochs, start-up, and peers."""
