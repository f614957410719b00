"""The only place that talks to AWS: thin adapters behind the ports of the use cases."""
