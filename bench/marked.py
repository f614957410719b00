"""What stands between two marks of a page, written anew."""


def between(page: str, begin: str, end: str, part: str) -> str:
    """The page with another part between its two marks."""
    head, _, rest = page.partition(begin)
    return f"{head}{begin}{part}{end}{rest.partition(end)[2]}"
