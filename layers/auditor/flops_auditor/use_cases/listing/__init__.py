"""Reading which training jobs there are: page by page, within quotas, from where the last round stopped."""
