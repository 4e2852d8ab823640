"""Engine: runtime, storage, key fetching and single-flight calls that run the lifecycle."""
