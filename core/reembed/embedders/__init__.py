"""What makes vectors of texts: a model on this machine, or a server of the OpenAI form."""
