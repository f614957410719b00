"""verify.html, on which a regulator drops a bundle: the core in JavaScript, the page, what puts them into one file."""
