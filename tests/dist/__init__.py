"""The built wheel and source archive, installed where nothing else is. `make dist` runs this."""
