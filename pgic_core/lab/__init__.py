"""Training, benches and conformance: what makes and measures the codec. Nothing else needs it to run."""
