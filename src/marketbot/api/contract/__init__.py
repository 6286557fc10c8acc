"""The API as it is promised: one OpenAPI document, made of the routes that are served and of what stands here about each."""
