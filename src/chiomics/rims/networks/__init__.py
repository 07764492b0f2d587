"""The networks that tell rim lesions from others, and what their images go through; all need PyTorch."""
