"""One file a page, with a template of the same name."""
