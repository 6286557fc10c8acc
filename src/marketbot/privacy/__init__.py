"""What people may demand about their own data: a copy of it, and that it goes."""
