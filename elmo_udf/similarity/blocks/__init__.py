"""Tables to blocks: what may be compared, and files of some thousand vectors that all machines reach."""
