"""What is known of models without loading them: safetensors headers, and the names that a family of models uses."""
