"""What a spreadsheet makes of a text."""

FORMULA = "=+-@\uff1d\uff0b\uff0d\uff20"
"""First characters of a formula, also in full width, as spreadsheets in Japanese read them."""
