"""E-mail: the server that sends it, the letters in each language, and the sending."""
