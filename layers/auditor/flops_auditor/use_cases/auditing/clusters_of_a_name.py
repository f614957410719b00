"""Clusters that had a name before the one that has it now: a name that was given up may be given again."""

from datetime import datetime

from flops_auditor.domain.values.archive_keys import DESCRIBED, clusters_folder
from flops_auditor.domain.values.moments import iso
from flops_auditor.use_cases.ports.ledger import Archive


def earlier_clusters(region: str, name: str, since: datetime, archive: Archive) -> tuple[str, ...]:
    """Ids of the other clusters of a name that are kept, where the newest was first seen after `since`: until then
    hosts of theirs may have been there.
    """
    folder = clusters_folder(region, name)
    keys = [key.removeprefix(folder).split("/") for key in archive.list(folder)]
    seen = [(each[2], each[0]) for each in keys if each[1:2] == [DESCRIBED]]
    _, newest = max(seen)
    if min(moment for moment, cluster in seen if cluster == newest) <= iso(since):
        return ()
    return tuple(sorted({cluster for _, cluster in seen} - {newest}))
