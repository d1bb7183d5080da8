"""vLLM on the tiered store: a KV connector that vLLM loads by module path, unpatched."""
