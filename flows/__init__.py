"""When things happen: thin Prefect flows over the rules and the storage."""
