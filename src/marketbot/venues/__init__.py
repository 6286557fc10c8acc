"""The venues' clients. A venue's own words stop in its folder."""
