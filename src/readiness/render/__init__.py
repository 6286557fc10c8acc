"""What a report and an answer look like: terminal, JSON, Markdown, HTML."""
