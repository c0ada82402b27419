"""A second pair of vendor servers, written from the references alone and deliberately unlike the sandbox."""
