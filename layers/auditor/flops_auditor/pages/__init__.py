"""Pages for people: templates that put the values of a report into one HTML file, which asks nobody for anything."""
