"""Pure tensors: autoencoder, denoising transformer, encoders, schedule, checkpoints, runtimes."""
