"""From a trained model or a built data set to a complete repository on the Hugging Face Hub."""
