"""Reading scans and writing results: NIfTI files, echo assembly, BIDS folders, provenance."""
