"""What is known of heads beforehand: where lesions lie, and how large a brain can be."""
