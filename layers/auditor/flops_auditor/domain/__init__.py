"""What the product knows: pure functions and frozen values. No AWS, no environment, no clock lives here."""
