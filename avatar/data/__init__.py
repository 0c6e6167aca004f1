"""The data engine: rendered people, with every label that training and evaluation need."""
