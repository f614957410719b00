"""What is said of a part wherever its records are shown: of what is not in it nobody can tell, but for gaps."""

NOT_SAID = "that it holds every record of its selection, or the newest of each job"
"""What nobody can say of a part, even of one that is valid."""
OF_A_PART = f"of a part nobody can say {NOT_SAID}"


def lacked(count: int) -> str:
    """That records which were superseded by others of a part are not in it, "" for none: this can be seen."""
    if count == 1:
        return "1 record that a later one of the same job supersedes is not in it"
    return f"{count} records that later ones of the same job supersede are not in it" if count else ""
