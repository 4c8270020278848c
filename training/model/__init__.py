"""DeepSeek-V2 written for training: latent attention, mixture of experts, tied embeddings."""
