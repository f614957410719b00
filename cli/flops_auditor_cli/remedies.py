"""What to do about errors that the deployed functions have, too, for who runs a command."""

REMEDIES_HERE = {
    "SourceDenied": "Ask whoever manages the account to allow you the action that is named; "
    "`flops-auditor docs iam` lists what each part needs.",
    "SourceUnavailable": "Check the network and the region's name, then run the command again.",
}
