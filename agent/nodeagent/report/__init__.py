"""One typed document, many renderings."""
