"""What modules of the installed libraries say of their tensors, against what Semilla says of them."""
