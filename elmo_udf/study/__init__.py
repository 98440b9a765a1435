"""A network on static word vectors against the same network on static and ELMo vectors, in repeated draws."""
