"""What a job writes: checked before the work, staged, counted, and moved into place while no other run does so."""
