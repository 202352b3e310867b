"""Training: the tiny student for machines without a GPU, rows to train on, LoRA targets and the LoRA run itself."""
