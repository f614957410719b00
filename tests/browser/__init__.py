"""Pages in Debian's Chromium, with the network off: see harness.py for how a test uses it."""
