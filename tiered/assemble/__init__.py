"""Put the parts together: the only place that knows every class.

It is also the only one that reads the environment: variables, host name, users,
the terminal for a passphrase, the default folders.
"""

from tiered.assemble.assembly import Assembly, read_environment

__all__ = ["Assembly", "read_environment"]
