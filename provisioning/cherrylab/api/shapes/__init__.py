"""Records as the JSON that clients read, one file a noun. Field names and nesting are the API's."""
