"""From an event to a signed record and a message: collecting, auditing, continuing, watching, amending."""
