"""The console: pages for users and operators, made on the server. docs/CONSOLE.md tells how one is built."""
