"""In the district: takes batches, judges, archives and acknowledges them, and tells of them."""
