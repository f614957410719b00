"""verify.html: what a regulator drops a bundle on. The core in JavaScript, the page, and what puts them into one file."""
