"""One file per thing the system does. Use cases take ports as arguments and know no AWS."""
